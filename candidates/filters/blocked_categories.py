"""Categories that are shown to nobody because somebody said so."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions


@dataclass(frozen=True)
class BlockedCategories:
    """Bars all items of some categories.

    Attributes:
        categories: What is blocked. Names that no item has bar nothing.
    """

    name: ClassVar[str] = "blocked_categories"
    categories: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return "Its category is blocked."

    def exclude(self, _users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return the items of the blocked categories."""
        return Exclusions(np.isin(item_context.category_names, self.categories)[item_context.category_codes])
