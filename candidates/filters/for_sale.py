"""Items that cannot be bought now."""

from dataclasses import dataclass
from typing import ClassVar

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions


@dataclass(frozen=True)
class ForSale:
    """Bars items that are sold out or taken out of the range."""

    name: ClassVar[str] = "for_sale"

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return "It is not for sale."

    def exclude(self, _users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return the items that are not for sale."""
        return Exclusions(~item_context.for_sale)
