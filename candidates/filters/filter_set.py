"""The filters in force.

To add a filter, touch three files:

1. `settings.py`: its setting in `FilterSettings`, with the filter off by default.
2. `item_filters.py`, or `user_filters.py` if it depends on the user: the filter, a `Filter`.
3. this file: `FilterSet.from_settings` creates it from its setting.

A filter that reads a new feature needs this feature in `context.py` first.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.department_cap import DepartmentCap
from candidates.filters.exclusions import Exclusions
from candidates.filters.item_filters import BlockedCategories, BlockedItems, Channel, ForSale, Unsold
from candidates.filters.settings import FilterSettings, Policy
from candidates.filters.user_filters import AgeLimit, AlreadyBought, CoolDown
from candidates.over_fetching import KeepMask


class Filter(Protocol):
    """A named rule that excludes candidates, whatever else is on the list."""

    @property
    def name(self) -> str:
        """The name in columns and counts."""

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""

    def exclude(self, users: UserContext, items: ItemContext, /) -> Exclusions:
        """Return what it excludes for n users."""


@dataclass(frozen=True)
class FilterSet:
    """Filters in force, in a fixed order.

    Attributes:
        filters: those that decide on each candidate independently.
        at_most_per_department: the department cap, which depends on the list; None without one.
    """

    filters: tuple[Filter, ...]
    at_most_per_department: int | None = None

    @classmethod
    def from_settings(cls, settings: FilterSettings) -> Self:
        """Create the filters that settings put in force."""
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
            filters.append(Unsold(settings.unsold_days))
        return cls(tuple(filters), settings.at_most_per_department)

    @property
    def policy(self) -> Policy:
        """Which blender and ranker of a release to use: "drop" if all past purchases are excluded, else "keep"."""
        return "drop" if any(isinstance(each, AlreadyBought) for each in self.filters) else "keep"

    def build_cap(self, items: ItemContext) -> DepartmentCap | None:
        """Return the department cap; None without one."""
        if self.at_most_per_department is None:
            return None
        return DepartmentCap(self.at_most_per_department, items.departments)

    def explanations(self, items: ItemContext) -> dict[str, str]:
        """Return why each filter excludes a candidate, by name, in the order of the filters; the cap comes last."""
        explanations, cap = {each.name: each.explanation for each in self.filters}, self.build_cap(items)
        return explanations if cap is None else explanations | {cap.name: cap.explanation}

    def exclude_by_filter(self, users: UserContext, items: ItemContext) -> dict[str, Exclusions]:
        """Return what each filter excludes, by name. The cap is not among them: it needs lists."""
        return {each.name: each.exclude(users, items) for each in self.filters}

    def exclude(self, users: UserContext, items: ItemContext) -> Exclusions:
        """Return what all filters exclude. The cap is passed to the search beside it."""
        return Exclusions.combine(self.exclude_by_filter(users, items).values())

    def build_keep_mask(self, users: UserContext, items: ItemContext) -> KeepMask:
        """Return the function that decides which candidates of a list stay under all filters and the cap."""
        exclusions, cap = self.exclude(users, items), self.build_cap(items)

        def keep_mask(rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
            keep = exclusions.keep_mask(rows, positions)
            if cap is not None:
                keep[keep] = cap.keep_mask(rows[keep], positions[keep])
            return keep

        return keep_mask

    def excluding_filters(
        self,
        rows: NDArray[np.integer[Any]],
        positions: NDArray[np.integer[Any]],
        users: UserContext,
        items: ItemContext,
    ) -> list[list[str]]:
        """Return the names of the filters that exclude each candidate; an empty list if none does.

        The cap counts only candidates that the other filters keep, as it does in a list.

        Args:
            rows: (pairs,) the user of each candidate, 0 to n - 1.
            positions: (pairs,) positions of items, each user's in the order of their list, best first.
            users: n.
            items: the whole catalogue.
        """
        by_filter = self.exclude_by_filter(users, items)
        keep = {name: exclusions.keep_mask(rows, positions) for name, exclusions in by_filter.items()}
        cap = self.build_cap(items)
        if cap is not None:
            others = np.logical_and.reduce([np.ones(len(rows), np.bool_), *keep.values()])
            keep[cap.name] = np.ones(len(rows), np.bool_)
            keep[cap.name][others] = cap.keep_mask(rows[others], positions[others])
        names: list[list[str]] = [[] for _ in rows]
        for name, mask in keep.items():
            for pair in np.flatnonzero(~mask):
                names[pair].append(name)
        return names
