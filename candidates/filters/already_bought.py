"""Items that a user has bought before."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions

Policy: TypeAlias = Literal["drop", "keep"]
"""Whether lists leave out all that their user has bought before. The fusion has weights for either."""


@dataclass(frozen=True)
class AlreadyBought:
    """Bars whatever a user has ever bought, for places that show something new."""

    name: ClassVar[str] = "already_bought"

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return "The user has bought it before."

    def exclude(self, users: UserContext, _goods: ItemContext) -> Exclusions:
        """Return each user's history."""
        return Exclusions(pairs=users.histories.bought)
