"""Items for users of some age only."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions
from candidates.item_lists import ItemLists


@dataclass(frozen=True)
class AgeLimit:
    """Bars items with a minimum age for users who are younger, or of whom nobody knows how old they are."""

    name: ClassVar[str] = "age_limit"

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return "The user is too young for it, or of unknown age."

    def exclude(self, users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return what nobody among these users is old enough for as items, and the rest as pairs."""
        ages = np.where(np.isnan(users.ages), np.float32(-1), users.ages)
        limited = item_context.minimum_ages > 0
        for_nobody = limited & (item_context.minimum_ages > ages.max(initial=-1))
        items = np.flatnonzero(limited & ~for_nobody)
        limits = np.unique(item_context.minimum_ages[items])
        # Users of one age are barred from the same items: one list for each of the few limits, then one for each user.
        reached = np.searchsorted(limits, ages, side="right")
        passed = np.searchsorted(limits, item_context.minimum_ages[items])
        lists = ItemLists.from_lists([items[passed >= limit] for limit in range(len(limits) + 1)])
        return Exclusions(for_nobody, lists.take(reached))
