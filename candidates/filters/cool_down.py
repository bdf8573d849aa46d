"""Items that a user bought a short while ago."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions
from candidates.item_lists import ItemLists


@dataclass(frozen=True)
class CoolDown:
    """Bars an item until so many days have passed since the user bought it: food is bought weekly, a coat is not.

    Attributes:
        days: An item bought less than so many whole UTC days before the request is barred, at least 0.
        days_by_category: The same for the categories that differ.

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
    def reason(self) -> str:
        """Why, as a sentence."""
        others = ", or less than the days of its category" if self.days_by_category else ""
        return f"The user has bought it less than {self.days:g} days ago{others}."

    def exclude(self, users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return what of each user's history is too young."""
        histories = users.histories
        limits = self._limits(item_context)[item_context.category_codes[histories.positions]]
        young = users.days_since_bought < limits
        return Exclusions(pairs=ItemLists.from_pairs(histories.rows[young], histories.positions[young], len(users)))

    def _limits(self, item_context: ItemContext) -> NDArray[np.float32]:
        """Return the days of each category, (categories,) float32."""
        days = [self.days_by_category.get(category, self.days) for category in item_context.category_names.tolist()]
        return np.array(days, np.float32)
