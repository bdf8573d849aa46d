"""Items that nobody buys any more."""

from dataclasses import dataclass
from typing import ClassVar

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions


@dataclass(frozen=True)
class UnsoldFor:
    """Bars items that nobody has bought for so many days: in many shops the only sign that something is gone.

    Attributes:
        days: An item whose last sale lies at least so many whole UTC days before the request is barred, as is one that
            was never sold; above 0.

    Raises:
        ValueError: Days are not above 0.
    """

    name: ClassVar[str] = "unsold"
    days: float

    def __post_init__(self) -> None:
        if not self.days > 0:
            raise ValueError(f"Days unsold must be above 0, not {self.days}: 0 bars everything.")

    @property
    def reason(self) -> str:
        """Why, as a sentence."""
        return f"Nobody has bought it for {self.days:g} days."

    def exclude(self, _users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return the items that do not sell."""
        return Exclusions(item_context.unsold_days >= self.days)
