"""Lists to be judged: of two towers alone, and of all sources together."""

from candidates.blender import Fused, Fusion
from candidates.filters.exclusions import Barred
from candidates.index import ItemIndex
from candidates.masks import Cap
from candidates.retriever import Retriever
from candidates.sources.source_set import DEPTH, USERS_PER_BLOCK, Queries, Sources
from evaluation.candidate_lists import Lists


def two_tower_lists(name: str, queries: Queries, index: ItemIndex) -> Lists:
    """What two towers list by themselves."""
    every, _ = index.search(queries.anything, DEPTH)
    fresh, _ = index.search(queries.something_new, DEPTH, queries.histories.bought)
    return Lists(name, every, fresh)


def fused(
    queries: Queries, sources: Sources, fusion: Fusion, barred: Barred, cap: Cap | None = None, k: int = DEPTH
) -> Fused:
    """What all sources list together for users with a history, k each, without what is barred for them."""
    parts, retriever = [], Retriever(sources, fusion, k)
    for start, block in zip(range(0, len(queries), USERS_PER_BLOCK), queries.blocks(USERS_PER_BLOCK), strict=True):
        pairs = None if barred.pairs is None else barred.pairs.slice(start, start + len(block))
        parts.append(retriever.fused(block, pairs, eligible=barred.eligible, cap=cap))
    return Fused.together(parts)
