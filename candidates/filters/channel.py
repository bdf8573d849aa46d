"""Items that may not be shown in a sales channel."""

from dataclasses import dataclass
from typing import ClassVar

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions


@dataclass(frozen=True)
class Channel:
    """Bars what names other channels than the one that lists are made for.

    Attributes:
        channel: The one that lists are made for.
    """

    name: ClassVar[str] = "channel"
    channel: str

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return f"It is not sold in channel {self.channel!r}."

    def exclude(self, _users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return the items that are not sold there."""
        return Exclusions(~item_context.channels.allow(self.channel))
