"""Left-out weeks: ranker weeks with the blender that would have served them, fitted on the weeks before."""

from collections.abc import Sequence
from dataclasses import dataclass

from features.progress import SILENT, Reporter
from pipelines.fit_blender import Blenders, fit_blenders
from pipelines.ranker_weeks import RankerWeek
from pipelines.training_messages import DetailReporter


@dataclass(frozen=True, eq=False)
class LeftOutWeek:
    """A ranker week and blenders that know none of its purchases.

    Attributes:
        week: candidates and purchases.
        blenders: fitted on the weeks before it.
    """

    week: RankerWeek
    blenders: Blenders

    def with_leading(self, keep: str | None, drop: str | None) -> "LeftOutWeek":
        """Return the week with a leading source of each blender, see `candidates.blender.Blender`."""
        return LeftOutWeek(self.week, self.blenders.with_leading(keep, drop))


def left_out_weeks(weeks: Sequence[RankerWeek], reporter: Reporter = SILENT) -> list[LeftOutWeek]:
    """Fit blenders for each week but the first on all weeks before it.

    Args:
        weeks: in order of time.
        reporter: receives a detail for blenders that were fitted on few purchases.

    Raises:
        InputError: in the weeks before one of them no candidate was bought, or all were.
    """
    details = DetailReporter(reporter)
    return [LeftOutWeek(week, fit_blenders(weeks[:number], details)) for number, week in enumerate(weeks) if number]
