"""The stages of a leak check: each puts the same questions to two worlds that must give the same answers."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from feast import FeatureStore

from features.progress import Progress
from pipelines.leakage.differences import Answer, Comparison, compare
from pipelines.leakage.late_rows import late_answers, late_rows
from pipelines.leakage.raw_world import ALTERATIONS, RawWorld
from pipelines.leakage.store_copy import store_copy

Answers: TypeAlias = Callable[[FeatureStore, datetime, Path], list[Answer]]
"""What a store says of a moment, with a folder to write to."""

_ALTERED: Final = (
    "The value depends on what was bought later. Compute it from events strictly before the day it is stamped with, "
    "and fit on training rows only; then build_features, feast apply and train again. (If the raw tables are not those "
    "that the feature tables were built from, begin with build_features.)"
)
_LATE: Final = (
    "A row was written later than it is stamped: before it was written, training does not see it and the online store "
    "would. Stamp it with the moment at which it became known, or build the features again."
)
ONLINE: Final = (
    "A request would see another value than training does. Look for rows written later than they are stamped, and for "
    "on-demand code that reads anything but its inputs."
)


@dataclass(frozen=True)
class Stage:
    """Some comparisons of one kind.

    Attributes:
        name: what was compared with what.
        moment: as of when, UTC; None if each row has a moment of its own.
        advice: what to do about a difference.
        comparisons: what came of it.
    """

    name: str
    moment: datetime | None
    advice: str
    comparisons: tuple[Comparison, ...]

    @classmethod
    def of(
        cls, name: str, moment: datetime | None, advice: str, expected: Iterable[Answer], found: Iterable[Answer]
    ) -> "Stage":
        """Compare answers pair by pair."""
        pairs = zip(expected, found, strict=True)
        return cls(name, moment, advice, tuple(compare(right, other) for right, other in pairs))


def altered_stages(
    store: FeatureStore,
    world: RawWorld,
    moments: list[datetime],
    answers: Answers,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
) -> Iterator[Stage]:
    """Ask the store in use, and stores of worlds with another future, about each moment.

    Args:
        store: the store in use, or a copy.
        world: the raw tables from which its feature tables were built.
        moments: where the worlds part.
        answers: asks a store everything that must not depend on what comes later.
        folder: for one moment's files at a time; it must not exist yet.
        seed: of the permutations.
        progress: makes a progress callback from a label and a total.
    """
    folder.mkdir()
    for moment in moments:
        found = answers(store, moment, _made(folder / "in_use"))
        for alteration in ALTERATIONS:
            tables = _made(folder / "tables")
            count = world.write_altered(alteration, moment, tables, seed=seed, progress=progress)
            other = store_copy(store, folder / "store", tables)
            expected = answers(other, moment, _made(folder / "altered"))
            yield Stage.of(f"later purchases {alteration}: {count:,}", moment, _ALTERED, expected, found)
            for name in ("tables", "store", "altered"):
                shutil.rmtree(folder / name)
        shutil.rmtree(folder / "in_use")


def late_stage(store: FeatureStore, folder: Path) -> Stage:
    """Compare what was known when a late row was stamped with what an online store would tell of that moment."""
    late = late_rows(store, _made(folder))
    pairs = list(late_answers(store, late))
    count = sum(rows.rows.num_rows for rows in late)
    return Stage.of(
        f"rows created after their stamp: {count:,}",
        None,
        _LATE,
        (known for known, _ in pairs),
        (online for _, online in pairs),
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
