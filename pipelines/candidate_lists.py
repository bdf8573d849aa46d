"""Lists to be judged: of two towers alone, and of all sources together."""

from candidates.blender import BlendedLists, Blender
from candidates.filters.exclusions import Exclusions
from candidates.index import ItemIndex
from candidates.over_fetching import Cap
from candidates.retriever import Retriever
from candidates.sources.source_set import DEPTH, USERS_PER_BLOCK, Queries, SourceSet
from evaluation.metrics import CandidateLists


def two_tower_lists(name: str, queries: Queries, index: ItemIndex) -> CandidateLists:
    """What two towers list by themselves."""
    every, _ = index.search(queries.vectors, DEPTH)
    fresh, _ = index.search(queries.new_item_vectors, DEPTH, queries.histories.bought)
    return CandidateLists(name, every, fresh)


def blended(
    queries: Queries,
    sources: SourceSet,
    blender: Blender,
    exclusions: Exclusions,
    cap: Cap | None = None,
    k: int = DEPTH,
) -> BlendedLists:
    """What all sources list together for users with a history, k each, without what is barred for them."""
    parts, retriever = [], Retriever(sources, blender, k)
    for start, block in zip(range(0, len(queries), USERS_PER_BLOCK), queries.blocks(USERS_PER_BLOCK), strict=True):
        pairs = None if exclusions.pairs is None else exclusions.pairs.slice(start, start + len(block))
        parts.append(retriever.retrieve(block, pairs, eligible=exclusions.eligible, cap=cap))
    return BlendedLists.concat(parts)
