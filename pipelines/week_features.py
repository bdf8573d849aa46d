"""Ranker features of a ranker week."""

from dataclasses import dataclass
from typing import Self

from feast import FeatureStore

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.ranking.ranker import Ranker
from candidates.ranking.ranker_features import PairFeatures, build_pair_features
from candidates.ranking.reordering import RankedLists
from candidates.ranking.user_neighbours import UserNeighbours
from candidates.text_codes import TextCodes
from features.store.reader import FeatureReader
from features.store.request_services import RANKING_USERS
from pipelines.rank_candidates import rank_candidates
from pipelines.ranker_weeks import RankerWeek


@dataclass(frozen=True, eq=False)
class WeekFeatures:
    """Ranker features of the users of a ranker week, and of the catalogue, as of its start.

    Attributes:
        histories: purchases of the n users.
        users: features of the n users.
        items: features of the catalogue.
        neighbours: the users to whom the n users are compared.
    """

    histories: Histories
    users: UserFeatures
    items: ItemFeatures
    neighbours: UserNeighbours

    @classmethod
    def read(cls, store: FeatureStore, week: RankerWeek) -> Self:
        """Read the features of the users from the offline store."""
        items = ItemFeatures.from_table(week.items, TextCodes.from_texts(week.item_ids))
        of_users = FeatureReader(store, "offline").read(RANKING_USERS, week.user_ids, week.start)
        users = UserFeatures.from_table(of_users, items)
        return cls(week.queries.histories, users, items, week.neighbours)

    def pairs(self, blended: BlendedLists) -> PairFeatures:
        """Return the ranker features of all candidates of the n users."""
        return build_pair_features(blended, self.histories, self.users, self.items, self.neighbours)

    def rank(self, blended: BlendedLists, ranker: Ranker | None) -> RankedLists:
        """Reorder the candidates of the n users."""
        return rank_candidates(blended, ranker, self.histories, self.users, self.items, self.neighbours)
