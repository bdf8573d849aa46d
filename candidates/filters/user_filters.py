"""Filters that depend on the user: on past purchases and on age."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions
from candidates.item_lists import ItemLists


@dataclass(frozen=True)
class AlreadyBought:
    """Excludes all items that the user has ever bought, for lists of new items."""

    name: ClassVar[str] = "already_bought"

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return "The user has bought the item before."

    def exclude(self, users: UserContext, _items: ItemContext) -> Exclusions:
        """Return each user's history, and the items before it."""
        return Exclusions(pairs=users.histories.bought).union(Exclusions(pairs=users.earlier))


@dataclass(frozen=True)
class CoolDown:
    """Excludes an item for a number of days after the user bought it: groceries are bought weekly, a coat is not.

    Attributes:
        days: an item bought less than this number of whole UTC days before the request is excluded; at least 0.
        days_by_category: the same for categories that differ.

    Raises:
        ValueError: A number of days is negative or not finite.
    """

    name: ClassVar[str] = "cool_down"
    days: float
    days_by_category: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for days in (self.days, *self.days_by_category.values()):
            if not 0 <= days < np.inf:
                raise ValueError(f"Days to cool down must be finite and at least 0, not {days}.")

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        exception = ", or less than the days of its category" if self.days_by_category else ""
        return f"The user has bought the item less than {self.days:g} days ago{exception}."

    def exclude(self, users: UserContext, items: ItemContext) -> Exclusions:
        """Return the recent part of each user's history."""
        histories = users.histories
        limits = self._limits(items)[items.category_codes[histories.positions]]
        recent = users.days_since_purchase < limits
        return Exclusions(pairs=ItemLists.from_pairs(histories.rows[recent], histories.positions[recent], len(users)))

    def _limits(self, items: ItemContext) -> NDArray[np.float32]:
        """Return the days of each category, (categories,) float32."""
        days = [self.days_by_category.get(category, self.days) for category in items.category_names.to_pylist()]
        return np.array(days, np.float32)


@dataclass(frozen=True)
class AgeLimit:
    """Excludes items with a minimum age for users who are younger or of unknown age."""

    name: ClassVar[str] = "age_limit"

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return "The user is too young for the item, or of unknown age."

    def exclude(self, users: UserContext, items: ItemContext) -> Exclusions:
        """Return items for which all these users are too young as items, and the others as pairs."""
        ages = np.where(np.isnan(users.ages), np.float32(-1), users.ages)
        limits, limited = items.age_limited
        # The limits from this one on are above the age of every user.
        for_all = int(np.searchsorted(limits, ages.max(initial=-1), side="right"))
        excluded = np.zeros(len(items), np.bool_)
        excluded[limited.slice(for_all, len(limits)).positions] = True
        # Limits are few: one list of excluded items for each age between them, then one of these lists for each user.
        lists = [limited.slice(limit, for_all).positions for limit in range(for_all + 1)]
        reached = np.searchsorted(limits[:for_all], ages, side="right")
        return Exclusions(excluded, ItemLists.from_lists(lists).take(reached))
