"""Filters that depend on the item alone and exclude it for all users."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions


@dataclass(frozen=True)
class ForSale:
    """Excludes items that are sold out or discontinued."""

    name: ClassVar[str] = "for_sale"

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return "The item is not for sale."

    def exclude(self, _users: UserContext, items: ItemContext) -> Exclusions:
        """Return the items that are not for sale."""
        return Exclusions(~items.for_sale)


@dataclass(frozen=True)
class Channel:
    """Excludes items that are sold in other sales channels only.

    Attributes:
        channel: the channel for which lists are made.
    """

    name: ClassVar[str] = "channel"
    channel: str

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return f"The item is not sold in channel {self.channel!r}."

    def exclude(self, _users: UserContext, items: ItemContext) -> Exclusions:
        """Return the items that are not sold in the channel."""
        return Exclusions(~items.channels.eligible(self.channel))


@dataclass(frozen=True)
class BlockedItems:
    """Excludes items by id.

    Attributes:
        item_ids: ids to exclude; those that are not in the catalogue have no effect.
    """

    name: ClassVar[str] = "blocked_items"
    item_ids: tuple[str, ...]

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return "The item is blocked."

    def exclude(self, _users: UserContext, items: ItemContext) -> Exclusions:
        """Return the blocked items."""
        positions = items.item_codes.find(pa.array(self.item_ids, pa.string()))
        excluded = np.zeros(len(items), np.bool_)
        excluded[positions[positions >= 0]] = True
        return Exclusions(excluded)


@dataclass(frozen=True)
class BlockedCategories:
    """Excludes all items of some categories.

    Attributes:
        categories: names to exclude; those that no item has have no effect.
    """

    name: ClassVar[str] = "blocked_categories"
    categories: tuple[str, ...]

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return "The item's category is blocked."

    def exclude(self, _users: UserContext, items: ItemContext) -> Exclusions:
        """Return the items of the blocked categories."""
        blocked = np.asarray(pc.is_in(items.category_names, pa.array(self.categories, pa.string())))
        return Exclusions(blocked[items.category_codes])


@dataclass(frozen=True)
class Unsold:
    """Excludes items without a recent sale: in many shops the only sign that an item is discontinued.

    Attributes:
        days: an item is excluded if its last sale is at least this number of whole UTC days before the request, or if
            it was never sold; above 0.

    Raises:
        ValueError: `days` is not above 0.
    """

    name: ClassVar[str] = "unsold"
    days: float

    def __post_init__(self) -> None:
        if not self.days > 0:
            raise ValueError(f"Days unsold must be above 0, not {self.days}: 0 excludes all items.")

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return f"The item has not been sold for {self.days:g} days."

    def exclude(self, _users: UserContext, items: ItemContext) -> Exclusions:
        """Return the items without a recent sale."""
        return Exclusions(items.days_since_last_sale >= self.days)
