"""Items that a user has bought before."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

from filters.barred import Barred
from filters.known import Goods, Users
from retrieval.histories import Histories
from retrieval.item_lists import ItemLists

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

    def bars(self, users: Users, _goods: Goods) -> Barred:
        """Return each user's history."""
        return Barred(pairs=users.histories.bought)


def left_out(histories: Histories, policy: Policy) -> ItemLists | None:
    """Return what the policy leaves out for each user; None if it leaves out nothing.

    Raises:
        ValueError: The policy is neither of the two.
    """
    if policy not in get_args(Policy):
        raise ValueError(f"The policy for items bought before must be 'drop' or 'keep', not {policy!r}.")
    return histories.bought if policy == "drop" else None
