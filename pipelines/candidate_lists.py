"""Candidate lists to be evaluated: blended, of the two towers alone, and of the baselines."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.filters.exclusions import Exclusions
from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.over_fetching import Cap
from candidates.pool import Pool
from candidates.retriever import Retriever
from candidates.sources.own_purchases import fill_lists, top_by_frequency
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import DEPTH, Queries, SourceSet, map_blocks
from evaluation.baselines import LAST_WEEK_BESTSELLERS, OWN_BY_FREQUENCY
from evaluation.metrics import CandidateLists


def two_tower_lists(name: str, queries: Queries, index: ItemIndex) -> CandidateLists:
    """Retrieve with the two towers alone, `DEPTH` items per user."""
    every, _ = index.search(queries.vectors, DEPTH)
    new, _ = index.search(queries.new_item_vectors, DEPTH, queries.histories.bought)
    return CandidateLists(name, every, new)


def blended_lists(
    queries: Queries,
    sources: SourceSet,
    blender: Blender,
    exclusions: Exclusions,
    cap: Cap | None = None,
    k: int = DEPTH,
) -> BlendedLists:
    """Retrieve with all sources, k items per user, without the excluded items, in blocks of users."""
    retriever = Retriever(sources, blender, k)

    def retrieve(block: Queries, excluded: ItemLists | None) -> BlendedLists:
        return retriever.retrieve(block, excluded, eligible=exclusions.eligible, cap=cap)

    return BlendedLists.concat(map_blocks(retrieve, queries, exclusions.pairs))


def source_list(pool: Pool, source: str, k: int) -> NDArray[np.int32]:
    """Return the first k items on the list of one source, int32 (users, k); -1 is padding."""
    ranks = pool.ranks[:, pool.sources.index(source)]
    listed = (ranks >= 1) & (ranks <= k)
    positions = np.full((pool.users, k), -1, np.int32)
    positions[pool.rows[listed], ranks[listed] - 1] = pool.positions[listed]
    return positions


def baseline_lists(popularity: PopularityList, histories: Histories, k: int) -> Iterator[CandidateLists]:
    """Return the lists of two baselines for n users, k items each: bestsellers, and own items, then bestsellers.

    Args:
        popularity: sales of the last week.
        histories: purchases of the n users.
        k: at least 1.
    """
    every, _ = popularity.top(len(histories), k)
    new, _ = popularity.top(len(histories), k, histories.bought)
    yield CandidateLists(LAST_WEEK_BESTSELLERS, every, new)
    own, _ = top_by_frequency(histories, k)
    yield CandidateLists(OWN_BY_FREQUENCY, fill_lists(own, new, every.shape[1]), new)
