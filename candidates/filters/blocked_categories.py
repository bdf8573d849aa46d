"""Categories that are shown to nobody because somebody said so."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from candidates.filters.context import Goods, Users
from candidates.filters.exclusions import Barred


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

    def bars(self, _users: Users, goods: Goods) -> Barred:
        """Return the items of the blocked categories."""
        return Barred(np.isin(goods.category_names, self.categories)[goods.category_codes])
