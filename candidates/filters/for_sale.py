"""Items that cannot be bought now."""

from dataclasses import dataclass
from typing import ClassVar

from candidates.filters.context import Goods, Users
from candidates.filters.exclusions import Barred


@dataclass(frozen=True)
class ForSale:
    """Bars items that are sold out or taken out of the range."""

    name: ClassVar[str] = "for_sale"

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return "It is not for sale."

    def bars(self, _users: Users, goods: Goods) -> Barred:
        """Return the items that are not for sale."""
        return Barred(~goods.for_sale)
