"""The cost of filters in one window: of each filter in force, of all together, and of others that could be chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings
from candidates.sources.source_set import Queries, SourceSet
from evaluation.filter_costs import ALL_FILTERS, measure_filter_cost
from evaluation.metrics import CandidateLists
from evaluation.results import FilterCost
from evaluation.scoreboard import Scoreboard
from pipelines.candidate_lists import blended_lists
from pipelines.fit_blender import Blenders

NO_FILTERS: Final = FilterSettings(for_sale=False, age_limit=False)
# Measured beside the filters in force, so that one can choose.
OTHERS: Final = (
    NO_FILTERS.replace(for_sale=True),
    NO_FILTERS.replace(age_limit=True),
    NO_FILTERS.replace(already_bought="cool-down", cool_down_days=7),
    NO_FILTERS.replace(already_bought="drop"),
    NO_FILTERS.replace(unsold_days=28),
    NO_FILTERS.replace(at_most_per_department=20),
)
_COOL_DOWN = ("already_bought", "cool_down_days", "cool_down_days_by_category")  # settings of one filter


@dataclass(frozen=True)
class FilteredRetrieval:
    """Retrieval under any filters for the users of one window.

    Attributes:
        queries: query vectors and histories of n users.
        sources: candidate sources as of the start of the window.
        blenders: weights of the sources.
        users: context of the n users for filters.
        item_context: context of the catalogue for filters.
        scoreboard: metrics on the same users.
    """

    queries: Queries
    sources: SourceSet
    blenders: Blenders
    users: UserContext
    item_context: ItemContext
    scoreboard: Scoreboard

    def lists(self, filters: FilterSet) -> CandidateLists:
        """Retrieve under these filters, without and with the items bought before excluded."""
        exclusions, cap = filters.exclude(self.users, self.item_context), filters.build_cap(self.item_context)
        new_only = exclusions.union(Exclusions(pairs=self.users.histories.bought))
        of_policy = self.blenders.drop if filters.policy == "drop" else self.blenders.keep
        every, new = (
            blended_lists(self.queries, self.sources, blender, excluded, cap, self.scoreboard.k).positions
            for blender, excluded in ((of_policy, exclusions), (self.blenders.drop, new_only))
        )
        return CandidateLists("filtered", every, new)


def filter_costs(
    retrieval: FilteredRetrieval, unfiltered: CandidateLists, in_force: FilterSettings
) -> list[FilterCost]:
    """Measure each filter alone, and those in force together.

    Args:
        retrieval: retrieval for the users of the window.
        unfiltered: lists of the same users without filters.
        in_force: settings of the filters in force.
    """
    active = list(_each_alone(in_force))
    others = [settings for settings in OTHERS if settings not in active]
    costs = [_cost(retrieval, unfiltered, settings, in_force=True) for settings in active]
    costs += [_cost(retrieval, unfiltered, settings, in_force=False) for settings in others]
    if len(active) > 1:
        costs.insert(0, _cost(retrieval, unfiltered, in_force, in_force=True, name=ALL_FILTERS))
    return costs


def _cost(
    retrieval: FilteredRetrieval,
    unfiltered: CandidateLists,
    settings: FilterSettings,
    *,
    in_force: bool,
    name: str | None = None,
) -> FilterCost:
    filters = FilterSet.from_settings(settings)
    [first, *_] = filters.explanations(retrieval.item_context)
    return measure_filter_cost(
        name or first,
        "" if name else _setting(settings),
        active=in_force,
        unfiltered=unfiltered,
        filtered=retrieval.lists(filters),
        keep_mask=filters.build_keep_mask(retrieval.users, retrieval.item_context),
        scoreboard=retrieval.scoreboard,
    )


def _each_alone(settings: FilterSettings) -> Iterator[FilterSettings]:
    """Yield the settings of each filter in force without the others."""
    for name in (name for name in FilterSettings.model_fields if not name.startswith("cool_down")):
        parts = _COOL_DOWN if name == "already_bought" and settings.already_bought == "cool-down" else (name,)
        alone = NO_FILTERS.replace(**{part: getattr(settings, part) for part in parts})
        if getattr(alone, name) != getattr(NO_FILTERS, name):
            yield alone


def _setting(settings: FilterSettings) -> str:
    """Return the value of one filter's setting for a reader; empty if the name of the filter suffices."""
    if settings.already_bought == "cool-down":
        more = ", other days by category" if settings.cool_down_days_by_category else ""
        return f"{settings.cool_down_days:g} days{more}"
    if settings.unsold_days is not None:
        return f"{settings.unsold_days:g} days"
    if settings.at_most_per_department is not None:
        return f"at most {settings.at_most_per_department}"
    if settings.channel is not None:
        return f"channel {settings.channel}"
    blocked = len(settings.blocked_items) + len(settings.blocked_categories)
    return f"{blocked:,}" if blocked else ""
