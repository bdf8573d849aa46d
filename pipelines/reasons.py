"""Why each candidate is on the list of its user, as text, from the features that the request has read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from candidates.ranking.reordering import RankedLists
from candidates.sources.item_knn import ItemKnn
from candidates.sources.source_set import (
    GARMENT_GROUP_POPULARITY,
    ITEM_TO_ITEM,
    ITEM_TO_ITEM_SELLING,
    POPULARITY,
    TWO_TOWER,
    TWO_TOWER_NEW,
)
from pipelines.item_names import item_names
from pipelines.serving import CandidatePipeline, CandidateRequest

MAX_REASONS: Final = 3


@dataclass(frozen=True, eq=False)
class Reasons:
    """Explains candidates.

    Attributes:
        item_ids: of the release, (items,).
        names: display name of each item, (items,).
        garment_groups: garment group of each item, (items,); "" where unknown.
        item_knn: finds the item of the history that a candidate is often bought with.
    """

    item_ids: Sequence[str]
    names: Sequence[str]
    garment_groups: Sequence[str]
    item_knn: ItemKnn

    @classmethod
    def open(cls, pipeline: CandidatePipeline) -> Self:
        """Read the names that the candidates of a pipeline need."""
        names = item_names(pipeline.catalogue, pipeline.release.item_ids)
        item_ids = pipeline.release.item_ids.to_pylist()
        return cls(item_ids, names, pipeline.item_context.categories.to_pylist(), pipeline.sources.item_knn)

    def explain(self, request: CandidateRequest, lists: RankedLists, sessions: Sequence[bool]) -> list[list[list[str]]]:
        """Return for each of n users and each candidate at most `MAX_REASONS` reasons, the strongest first.

        Args:
            request: n users.
            lists: their candidates.
            sessions: of each user, whether the history is that of a session, which bought nothing yet.
        """
        histories = request.queries.histories
        rows, columns = np.nonzero(lists.blended.positions >= 0)
        positions = lists.blended.positions[rows, columns]
        bought = histories.bought.find_pairs(rows, positions).tolist()
        partners = self.item_knn.strongest(histories, rows, positions).tolist()
        counts, days = histories.counts.astype(int).tolist(), request.users.days_since_purchase.astype(int).tolist()
        gaps = np.rint(histories.gaps).astype(int).tolist()
        ranks, sources = lists.blended.ranks[rows, columns], lists.blended.sources

        def listed_by(*names: str) -> list[bool]:
            listed: list[bool] = np.logical_or.reduce([ranks[:, sources.index(name)] > 0 for name in names]).tolist()
            return listed

        neighbour = listed_by(ITEM_TO_ITEM, ITEM_TO_ITEM_SELLING)
        in_group, bestseller = listed_by(GARMENT_GROUP_POPULARITY), listed_by(POPULARITY)
        by_tower = listed_by(TWO_TOWER, TWO_TOWER_NEW)
        own = histories.positions.tolist()
        reasons: list[list[list[str]]] = [[] for _ in request.user_ids]
        for pair, (row, item) in enumerate(zip(rows.tolist(), positions.tolist(), strict=True)):
            session, found = sessions[row], []
            if (entry := bought[pair]) >= 0:
                found.append("in the recent items" if session else _purchases(counts[entry], days[entry], gaps[entry]))
            if neighbour[pair] and (entry := partners[pair]) >= 0:
                when = "" if session else f", which you bought {_ago(days[entry])}"
                found.append(f"often bought with {self.names[own[entry]]}{when}")
            if in_group[pair] and self.garment_groups[item]:
                found.append(f"popular in {self.garment_groups[item]} this week")
            if bestseller[pair]:
                found.append("among the bestsellers of this week")
            if by_tower[pair] and not found:
                found.append("similar to the recent items" if session else "similar to what you bought")
            reasons[row].append(found[:MAX_REASONS])
        return reasons


def _purchases(count: int, days: int, gap: int) -> str:
    if count == 1:
        return f"bought once, {_ago(days)}"
    usually = f", usually every {gap:,} days" if gap > 1 else ", usually every day" if gap == 1 else ""
    return f"bought {count:,} times, last {_ago(days)}{usually}"


def _ago(days: int) -> str:
    if days == 0:
        return "today"
    return "yesterday" if days == 1 else f"{days:,} days ago"
