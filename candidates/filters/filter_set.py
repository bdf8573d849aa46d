"""The filters in force, together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from candidates.filters.age_limit import AgeLimit
from candidates.filters.already_bought import AlreadyBought, Policy
from candidates.filters.blocked_categories import BlockedCategories
from candidates.filters.blocked_items import BlockedItems
from candidates.filters.channel import Channel
from candidates.filters.context import ItemContext, UserContext
from candidates.filters.cool_down import CoolDown
from candidates.filters.department_cap import DepartmentCap
from candidates.filters.exclusions import Exclusions
from candidates.filters.for_sale import ForSale
from candidates.filters.settings import FilterSettings
from candidates.filters.unsold import UnsoldFor
from candidates.over_fetching import Allowed


class Filter(Protocol):
    """A named reason why something must not be shown."""

    @property
    def name(self) -> str:
        """What it is called, in columns and counts."""

    @property
    def reason(self) -> str:
        """Why, as a sentence about the item."""

    def exclude(self, users: UserContext, item_context: ItemContext, /) -> Exclusions:
        """Return what it bars for n users."""


@dataclass(frozen=True)
class FilterSet:
    """Filters in force, in a fixed order, none twice.

    Attributes:
        filters: those that judge each item by itself.
        at_most_per_department: what the cap on lists allows, which judges an item by what stands above it; None
            without one.
    """

    filters: tuple[Filter, ...]
    at_most_per_department: int | None = None

    @classmethod
    def of(cls, settings: FilterSettings) -> Self:
        """Return the filters that settings put in force."""
        filters: list[Filter] = []
        if settings.already_bought == "drop":
            filters.append(AlreadyBought())
        if settings.already_bought == "cool-down" and settings.cool_down_days is not None:
            filters.append(CoolDown(settings.cool_down_days, settings.cool_down_days_by_category))
        if settings.for_sale:
            filters.append(ForSale())
        if settings.blocked_items:
            filters.append(BlockedItems(settings.blocked_items))
        if settings.blocked_categories:
            filters.append(BlockedCategories(settings.blocked_categories))
        if settings.channel is not None:
            filters.append(Channel(settings.channel))
        if settings.age_limit:
            filters.append(AgeLimit())
        if settings.unsold_days is not None:
            filters.append(UnsoldFor(settings.unsold_days))
        return cls(tuple(filters), settings.at_most_per_department)

    @property
    def policy(self) -> Policy:
        """Which weights of the fusion fit: "drop" if all that was bought before is left out, otherwise "keep"."""
        return "drop" if any(isinstance(each, AlreadyBought) for each in self.filters) else "keep"

    def cap(self, item_context: ItemContext) -> DepartmentCap | None:
        """Return the cap on lists; None without one."""
        if self.at_most_per_department is None:
            return None
        return DepartmentCap(self.at_most_per_department, item_context.departments)

    def sentences(self, item_context: ItemContext) -> dict[str, str]:
        """Return why each filter drops a candidate, by its name, in the order in which they stand."""
        cap = self.cap(item_context)
        return {each.name: each.reason for each in self.filters} | ({} if cap is None else {cap.name: cap.reason})

    def each(self, users: UserContext, item_context: ItemContext) -> dict[str, Exclusions]:
        """Return what each filter bars by itself, by name; the cap bars nothing before there are lists."""
        return {each.name: each.exclude(users, item_context) for each in self.filters}

    def exclusions(self, users: UserContext, item_context: ItemContext) -> Exclusions:
        """Return what all filters bar together; the cap is handed to the search beside it."""
        return together(self.each(users, item_context))

    def allowed(self, users: UserContext, item_context: ItemContext) -> Allowed:
        """Return the question which candidates may stay: `candidates.over_fetching.Allowed`, all filters together."""
        exclusions, cap = self.exclusions(users, item_context), self.cap(item_context)

        def stays(rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
            mask = exclusions.mask(rows, positions)
            if cap is not None:
                mask[mask] = cap.keep_mask(rows[mask], positions[mask])
            return mask

        return stays

    def reasons(
        self,
        rows: NDArray[np.integer[Any]],
        positions: NDArray[np.integer[Any]],
        users: UserContext,
        item_context: ItemContext,
    ) -> list[list[str]]:
        """Return the names of the filters that drop each candidate; none if it stays.

        The cap counts what the others leave, as it does in a list.

        Args:
            rows: (pairs,) the user of each candidate, 0 to n - 1.
            positions: (pairs,) positions of items, each user's in the order of his list, the best first.
            users: n.
            item_context: the whole catalogue.
        """
        stays = {name: exclusions.mask(rows, positions) for name, exclusions in self.each(users, item_context).items()}
        cap = self.cap(item_context)
        if cap is not None:
            together = np.logical_and.reduce([np.ones(len(rows), np.bool_), *stays.values()])
            stays[cap.name] = np.ones(len(rows), np.bool_)
            stays[cap.name][together] = cap.keep_mask(rows[together], positions[together])
        reasons: list[list[str]] = [[] for _ in rows]
        for name, mask in stays.items():
            for pair in np.flatnonzero(~mask):
                reasons[pair].append(name)
        return reasons


def together(each: Mapping[str, Exclusions]) -> Exclusions:
    """Return what several filters bar together, given what each does, of the same users and items."""
    return reduce(Exclusions.united, each.values(), Exclusions())
