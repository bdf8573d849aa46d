"""Items that are shown to nobody because somebody said so."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions


@dataclass(frozen=True)
class BlockedItems:
    """Bars single items, by id.

    Attributes:
        item_ids: What is blocked. Ids that the catalogue does not hold bar nothing.
    """

    name: ClassVar[str] = "blocked_items"
    item_ids: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return "The item is blocked."

    def exclude(self, _users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return the blocked items."""
        places, known = item_context.holds(np.array(self.item_ids, np.str_))
        items = np.zeros(len(item_context), np.bool_)
        items[places[known]] = True
        return Exclusions(items)
