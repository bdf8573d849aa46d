"""Stages of the leakage test: each compares snapshots that must be equal."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self, TypeAlias

from feast import FeatureStore

from features.progress import Reporter
from features.text import counted
from pipelines.leakage.altered_data import ALTERATIONS, AlteredData
from pipelines.leakage.comparison import Snapshot, SnapshotComparison, compare
from pipelines.leakage.late_rows import late_row_snapshots, late_rows
from pipelines.leakage.store_copy import store_copy

TakeSnapshots: TypeAlias = Callable[[FeatureStore, datetime, Path], list[Snapshot]]
"""Takes snapshots of a store as of a moment; may write to the folder."""

_ALTERED: Final = (
    "The value depends on later purchases. Compute it from events strictly before its event timestamp, and fit on "
    "training rows only. Then run build_features, feast apply and train again. (If the raw tables are not those of "
    "the feature tables, begin with build_features.)"
)
_LATE: Final = (
    "A row was created after its event timestamp: training does not see it before it was created, but the online store "
    "does. Use the moment at which it became known as event timestamp, or build the features again."
)
ONLINE: Final = (
    "A request reads another value than training does. Look for rows created after their event timestamp, and for "
    "on-demand code that reads anything but its inputs."
)


@dataclass(frozen=True)
class StageResult:
    """The comparisons of one stage.

    Attributes:
        name: what was compared.
        moment: of the snapshots, UTC; None if each row has its own.
        advice: what to do about a difference.
        comparisons: one for each pair of snapshots.
    """

    name: str
    moment: datetime | None
    advice: str
    comparisons: tuple[SnapshotComparison, ...]

    @classmethod
    def of(
        cls, name: str, moment: datetime | None, advice: str, expected: Iterable[Snapshot], found: Iterable[Snapshot]
    ) -> Self:
        """Compare snapshots pair by pair."""
        pairs = zip(expected, found, strict=True)
        return cls(name, moment, advice, tuple(compare(correct, other) for correct, other in pairs))


def altered_data_stages(
    store: FeatureStore,
    altered: AlteredData,
    moments: Iterable[datetime],
    take_snapshots: TakeSnapshots,
    folder: Path,
    *,
    seed: int,
    reporter: Reporter,
) -> Iterator[StageResult]:
    """Compare the store in use with stores whose data are altered from a moment on.

    Args:
        store: the store in use, or a copy.
        altered: the raw tables of its feature tables.
        moments: from which the data are altered.
        take_snapshots: of everything that must not depend on later data.
        folder: for the files of one moment at a time; it must not exist yet.
        seed: of the permutations.
        reporter: receives stages and progress.
    """
    folder.mkdir()
    for moment in moments:
        reporter.stage(f"read training rows and features as of {moment:%Y-%m-%d %H:%M:%S} UTC")
        found = take_snapshots(store, moment, _new_folder(folder / "in_use"))
        for alteration in ALTERATIONS:
            reporter.stage(f"compare with the data whose later purchases are {alteration}")
            tables = _new_folder(folder / "tables")
            count = altered.write_altered(alteration, moment, tables, seed=seed, progress=reporter.progress)
            other = store_copy(store, folder / "store", tables)
            expected = take_snapshots(other, moment, _new_folder(folder / "altered"))
            yield StageResult.of(f"{counted(count, 'later purchase')} {alteration}", moment, _ALTERED, expected, found)
            for name in ("tables", "store", "altered"):
                shutil.rmtree(folder / name)
        shutil.rmtree(folder / "in_use")


def late_row_stage(store: FeatureStore, folder: Path) -> StageResult:
    """Compare, for each late row, what offline reads return with what an online store would hold."""
    late = late_rows(store, _new_folder(folder))
    pairs = list(late_row_snapshots(store, late))
    count = sum(rows.rows.num_rows for rows in late)
    return StageResult.of(
        f"{counted(count, 'late row')}",
        None,
        _LATE,
        (offline for offline, _ in pairs),
        (online for _, online in pairs),
    )


def _new_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder
