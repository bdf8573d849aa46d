"""Items that nobody buys any more."""

from dataclasses import dataclass
from typing import ClassVar

from candidates.filters.context import Goods, Users
from candidates.filters.exclusions import Barred


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

    def bars(self, _users: Users, goods: Goods) -> Barred:
        """Return the items that do not sell."""
        return Barred(goods.unsold_days >= self.days)
