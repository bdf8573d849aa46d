"""Reordering of blended candidates by a ranker, as it is served and as it is evaluated."""

from typing import Final

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.ranking.ranker import Ranker
from candidates.ranking.ranker_features import build_pair_features
from candidates.ranking.reordering import RankedLists, rerank
from candidates.ranking.user_neighbours import UserNeighbours

RANKING_DEPTH: Final = 100  # candidates per user that a ranker reorders: those behind them hardly ever reach the top


def rank_candidates(
    blended: BlendedLists,
    ranker: Ranker | None,
    histories: Histories,
    users: UserFeatures,
    items: ItemFeatures,
    neighbours: UserNeighbours,
) -> RankedLists:
    """Reorder the first `RANKING_DEPTH` candidates of n users; those behind them stay where they are.

    Args:
        blended: candidates after all filters.
        ranker: None keeps the retrieval order.
        histories: purchases of the n users.
        users: features of the n users.
        items: features of the catalogue as of the same moment.
        neighbours: the users to whom the n users are compared, as of the same moment.
    """
    if ranker is None:
        return RankedLists.from_retrieval(blended)
    pairs = build_pair_features(blended.first(RANKING_DEPTH), histories, users, items, neighbours)
    return rerank(blended, pairs, ranker.score(pairs), RANKING_DEPTH)
