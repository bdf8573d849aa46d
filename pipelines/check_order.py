"""The safeguard of the blender: in left-out weeks its order must not be clearly below that of its best source.

The purchases of one week, a holiday or a promotion, can give the blender weights that the next week does not follow.
Weeks that it was not fitted on show it. The order of a single source has no weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.blender import Blender
from candidates.item_lists import ItemLists
from candidates.parallel import map_in_threads
from candidates.pool import Pool
from evaluation.bootstrap import Bootstrap, Estimate
from evaluation.metrics import Hits
from evaluation.ranker.selection import MIN_USERS, K
from pipelines.candidate_lists import source_list
from pipelines.left_out_weeks import LeftOutWeek


@dataclass(frozen=True)
class ComparedWeek:
    """The blender and its best source in one left-out week.

    Attributes:
        start: of the week, as ISO text.
        users: who bought something.
        blended: mean NDCG@12 of the blended lists.
        source: mean NDCG@12 of the source's lists.
        difference: of the two, with its 95 % interval.
    """

    start: str
    users: int
    blended: float
    source: float
    difference: Estimate


@dataclass(frozen=True)
class OrderCheck:
    """The comparison of the blender with its best source, for one policy for items bought before.

    Attributes:
        best: the source with the highest NDCG@12 over all left-out weeks; None without a week to compare.
        leading: the same if its order is served, None if the blender's is.
        weeks: those with enough users.
    """

    best: str | None = None
    leading: str | None = None
    weeks: tuple[ComparedWeek, ...] = ()

    @property
    def reason(self) -> str:
        """One sentence: which order retrieval has, and why."""
        if self.best is None:
            return f"the blender's order: no left-out week has {MIN_USERS} users with purchases."
        order = "the blender's order" if self.leading is None else f"the order of {self.leading}"
        each = ", ".join(
            f"{week.blended:.4f} and {week.source:.4f} from {week.start[:10]} "
            "({:+.4f}, 95 % interval {:+.4f} to {:+.4f})".format(*week.difference)
            for week in self.weeks
        )
        return f"{order}: NDCG@{K} of the blender and of {self.best}, its best source, in left-out weeks is {each}."

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class OrderChecks:
    """The comparisons by policy for items bought before.

    Attributes:
        keep: of all items.
        drop: of items that the user never bought.
    """

    keep: OrderCheck
    drop: OrderCheck

    @property
    def notes(self) -> tuple[str, str]:
        """A sentence for all items and one for new items."""
        return f"retrieval of all items: {self.keep.reason}", f"retrieval of new items: {self.drop.reason}"

    @property
    def leading(self) -> tuple[str | None, str | None]:
        """The leading sources for all items and for new items."""
        return self.keep.leading, self.drop.leading

    def to_json(self) -> dict[str, Any]:
        """Return the comparisons as JSON-ready values, by policy."""
        return {"keep": self.keep.to_json(), "drop": self.drop.to_json()}


def check_orders(weeks: Sequence[LeftOutWeek], seed: int) -> OrderChecks:
    """Compare the blenders of left-out weeks with their best sources.

    Args:
        weeks: in order of time.
        seed: of the bootstrap.
    """
    starts = [each.week.start.isoformat() for each in weeks]
    keep = [(each.blenders.keep, each.week.keep, each.week.bought) for each in weeks]
    drop = [(each.blenders.drop, each.week.drop, each.week.new) for each in weeks]
    return OrderChecks(*map_in_threads(lambda policy: check_order(starts, policy, seed), (keep, drop)))


def check_order(starts: Sequence[str], weeks: Sequence[tuple[Blender, Pool, ItemLists]], seed: int) -> OrderCheck:
    """Compare a blender with its best source in weeks that it was not fitted on.

    The source's order is served if in any week the whole interval of the difference is below zero.

    Args:
        starts: of the weeks, as ISO text.
        weeks: of each, the blender fitted before it, its candidates, and the purchases of its users.
        seed: of the bootstrap.
    """
    enough = [
        (start, *week) for start, week in zip(starts, weeks, strict=True) if (week[2].lengths > 0).sum() >= MIN_USERS
    ]
    if not enough:
        return OrderCheck()
    sources = enough[0][2].sources
    blended, by_source = [], []
    for _, blender, pool, bought in enough:
        measure = _ndcg_of(bought)
        blended.append(measure(blender.blend(pool, K).positions))
        by_source.append(np.stack([measure(source_list(pool, source, K)) for source in sources]))
    best = int(np.concatenate(by_source, axis=1).mean(axis=1).argmax())
    compared = [
        _compare(start, ours, own[best], seed)
        for (start, *_), ours, own in zip(enough, blended, by_source, strict=True)
    ]
    worse = any(week.difference[2] < 0 for week in compared)
    return OrderCheck(sources[best], sources[best] if worse else None, tuple(compared))


def _ndcg_of(bought: ItemLists) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
    """Return a function that measures lists (n, K) of n users: NDCG@K of those who bought something."""
    users = np.flatnonzero(bought.lengths)
    relevant = bought.take(users)
    return lambda positions: Hits.of(positions[users], relevant).ndcg(K)


def _compare(start: str, blended: NDArray[np.float64], source: NDArray[np.float64], seed: int) -> ComparedWeek:
    [difference] = Bootstrap.of(len(blended), seed).estimates((blended - source)[:, None])
    return ComparedWeek(start, len(blended), float(blended.mean()), float(source.mean()), difference)
