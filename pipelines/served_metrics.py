"""Metrics in the validation window of the lists that a release would serve, and of the baselines."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.sources.source_set import TWO_TOWER, TWO_TOWER_NEW, SourceSet
from evaluation.baselines import LAST_WEEK_BESTSELLERS, OWN_BY_FREQUENCY
from evaluation.metrics import CandidateLists, Hits, metrics_per_user
from evaluation.results import PROTOCOLS, Protocol
from features.report_table import ReportTable
from pipelines.candidate_lists import baseline_lists, source_list
from pipelines.cross_fit import BlendedWeek
from pipelines.ranker_weeks import RankerWeek
from pipelines.train_ranker import TrainedRankers
from pipelines.week_features import WeekFeatures

RANKED: Final = "ranked candidates"
BLENDED: Final = "blended candidates"
TWO_TOWERS: Final = "two towers"
_MODEL: Final = "model"
_ROWS: Final = (RANKED, BLENDED, TWO_TOWERS, OWN_BY_FREQUENCY, LAST_WEEK_BESTSELLERS)


@dataclass
class ServedMetrics:
    """Metrics of several models on the same users.

    Attributes:
        start: of the validation window, UTC.
        end: of the validation window, UTC.
        cutoffs: of the metrics, ascending.
        relevant: n lists, the items that each user bought.
        new_users: int (m,), the users who bought items that they had never bought before.
        new: m lists, these items.
        values: by model, protocol and metric: float64 (n,) or (m,), one number per user.
    """

    start: datetime
    end: datetime
    cutoffs: tuple[int, ...]
    relevant: ItemLists
    new_users: NDArray[np.intp]
    new: ItemLists
    values: dict[str, dict[Protocol, dict[str, NDArray[np.float64]]]] = field(default_factory=dict)

    @classmethod
    def of_week(cls, week: RankerWeek, cutoffs: tuple[int, ...]) -> Self:
        """Begin without models, on the users and purchases of a ranker week."""
        rows = np.flatnonzero(week.new.lengths)
        return cls(week.start, week.end, cutoffs, week.bought, rows, week.new.take(rows))

    @property
    def users(self) -> int:
        """The number of users, n."""
        return len(self.relevant)

    @property
    def purchases(self) -> int:
        """The number of different items that the n users bought, summed over the users."""
        return len(self.relevant.positions)

    @property
    def recall_name(self) -> str:
        """The metric by which models are compared: recall at the largest cut-off."""
        return f"recall@{max(self.cutoffs)}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics of the table: recall at each cut-off, and MAP at the smallest."""
        return (*(f"recall@{k}" for k in self.cutoffs), f"map@{min(self.cutoffs)}")

    def add(self, lists: CandidateLists) -> None:
        """Evaluate the lists of the n users."""
        self.values[lists.name] = {"all": metrics_per_user(Hits.of(lists.all_items, self.relevant), self.cutoffs)}
        if len(self.new_users):
            hits = Hits.of(lists.new_items[self.new_users], self.new)
            self.values[lists.name]["new"] = metrics_per_user(hits, self.cutoffs)

    def recalls(self, name: str) -> NDArray[np.float64]:
        """Return the recall of each user on all purchases, float64 (n,)."""
        return self.values[name]["all"][self.recall_name]

    @property
    def window(self) -> str:
        """The window and its users, for a heading."""
        return (
            f"Validation window {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}: {self.users:,} users with purchases, "
            f"{len(self.new_users):,} of them of new items"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the means as JSON-ready values, by model, protocol and metric."""
        models = {
            name: {
                protocol: {metric: float(values.mean()) for metric, values in metrics.items()}
                for protocol, metrics in protocols.items()
            }
            for name, protocols in self.values.items()
        }
        return {"users": self.users, "users_new": len(self.new_users), "models": models}

    def mean(self, name: str, protocol: Protocol, metric: str) -> float | None:
        """Return the mean of a metric over users; None if no user bought a new item."""
        measured = self.values[name].get(protocol)
        return None if measured is None else float(measured[metric].mean())


def retrieval_metrics(
    week: RankerWeek, sources: SourceSet, blended: BlendedWeek | None, cutoffs: tuple[int, ...]
) -> ServedMetrics:
    """Evaluate the blended lists, the two towers alone, and two baselines, on the users of the validation window.

    Args:
        week: candidates and purchases of the validation window.
        sources: as of its start.
        blended: lists whose weights have not seen the purchases of their users; None if there are none.
        cutoffs: of the metrics, ascending.
    """
    served, k = ServedMetrics.of_week(week, cutoffs), max(cutoffs)
    if blended is not None:
        served.add(CandidateLists(BLENDED, blended.keep.positions, blended.drop.positions))
    served.add(
        CandidateLists(TWO_TOWERS, source_list(week.keep, TWO_TOWER, k), source_list(week.drop, TWO_TOWER_NEW, k))
    )
    for lists in baseline_lists(sources.popularity, week.queries.histories, k):
        served.add(lists)
    return served


def add_ranked(served: ServedMetrics, blended: BlendedWeek, features: WeekFeatures, rankers: TrainedRankers) -> None:
    """Evaluate the blended lists in the order of the rankers that had not seen the validation window.

    Where no ranker was chosen, retrieval order is served, and is evaluated here as well.

    Args:
        served: receives the metrics.
        blended: lists of the validation window.
        features: of its users and catalogue.
        rankers: how they were chosen.
    """
    keep, drop = (
        features.rank(lists, ranker.validated).blended.positions
        for lists, ranker in ((blended.keep, rankers.keep), (blended.drop, rankers.drop))
    )
    served.add(CandidateLists(RANKED, keep, drop))


def served_table(served: ServedMetrics) -> ReportTable:
    """Return the metrics as a table: a row for each model, all purchases beside new items."""
    columns = [metric.replace("map", "MAP") for metric in served.metrics]
    body = [
        [name, *(_cell(served.mean(name, protocol, metric)) for protocol in PROTOCOLS for metric in served.metrics)]
        for name in _ROWS
        if name in served.values
    ]
    header = [_MODEL, *columns, *(f"new items\n{column}" for column in columns)]
    return ReportTable.of(header, body, [_MODEL])


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
