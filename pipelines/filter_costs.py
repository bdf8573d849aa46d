"""What the filters cost in one week: those in force, all of these together, and others that one could choose."""

from collections.abc import Iterator
from dataclasses import dataclass

from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings
from candidates.sources.source_set import Queries, SourceSet
from evaluation.filter_costs import ALL_FILTERS, measure_filter_cost
from evaluation.metrics import CandidateLists
from evaluation.results import FilterCost
from evaluation.scoreboard import Scoreboard
from pipelines.candidate_lists import blended
from pipelines.fit_blender import Blenders

NOTHING = FilterSettings(for_sale=False, age_limit=False)
# What is priced beside the filters in force, so that one can choose.
OTHERS = (
    NOTHING.replace(for_sale=True),
    NOTHING.replace(age_limit=True),
    NOTHING.replace(already_bought="cool-down", cool_down_days=7),
    NOTHING.replace(already_bought="drop"),
    NOTHING.replace(unsold_days=28),
    NOTHING.replace(at_most_per_department=20),
)
_TOGETHER = {  # settings that say one thing between them
    "already_bought": ("already_bought", "cool_down_days", "cool_down_days_by_category")
}


@dataclass(frozen=True)
class Shop:
    """Where filters are priced: a week's users and catalogue, and what proposes candidates to them.

    Attributes:
        queries: what is asked for n users.
        sources: what proposes candidates.
        blenders: how they are put together.
        users: what filters may know of the n users.
        item_context: what they may know of the catalogue.
        judge: of the same users.
    """

    queries: Queries
    sources: SourceSet
    blenders: Blenders
    users: UserContext
    item_context: ItemContext
    judge: Scoreboard

    def lists(self, filters: FilterSet) -> CandidateLists:
        """What is listed under these filters, in place of the whole catalogue."""
        exclusions, cap = filters.exclude(self.users, self.item_context), filters.build_cap(self.item_context)
        fresh = exclusions.union(Exclusions(pairs=self.users.histories.bought))
        of_policy = self.blenders.drop if filters.policy == "drop" else self.blenders.keep
        every, new = (
            blended(self.queries, self.sources, blender, masks, cap, self.judge.k).positions
            for blender, masks in ((of_policy, exclusions), (self.blenders.drop, fresh))
        )
        return CandidateLists("filtered", every, new)


def measure_filter_costs(shop: Shop, without: CandidateLists, in_force: FilterSettings) -> list[FilterCost]:
    """Price each filter alone, and those in force together.

    Args:
        shop: where they are priced.
        without: what is listed without any filter, on the same users.
        in_force: the settings.
    """
    mine = list(_alone(in_force))
    others = [settings for settings in OTHERS if settings not in mine]
    priced = [(settings, True) for settings in mine] + [(settings, False) for settings in others]
    prices = [_price(shop, without, settings, in_force=active) for settings, active in priced]
    if len(mine) > 1:
        prices.insert(0, _price(shop, without, in_force, in_force=True, name=ALL_FILTERS))
    return prices


def _price(
    shop: Shop, without: CandidateLists, settings: FilterSettings, *, in_force: bool, name: str | None = None
) -> FilterCost:
    filters = FilterSet.from_settings(settings)
    [alone, *_] = filters.explanations(shop.item_context)
    return measure_filter_cost(
        name or alone,
        "" if name else _told(settings),
        active=in_force,
        unfiltered=without,
        filtered=shop.lists(filters),
        keep_mask=filters.build_keep_mask(shop.users, shop.item_context),
        scoreboard=shop.judge,
    )


def _alone(settings: FilterSettings) -> Iterator[FilterSettings]:
    """Each filter of some settings by itself."""
    names = [name for name in FilterSettings.model_fields if not name.startswith("cool_down")]
    for name in names:
        together = _TOGETHER if settings.already_bought == "cool-down" else {}
        parts = {part: getattr(settings, part) for part in together.get(name, (name,))}
        alone = NOTHING.replace(**parts)
        if getattr(alone, name) != getattr(NOTHING, name):
            yield alone


def _told(settings: FilterSettings) -> str:
    """What a reader should know of one filter's setting; empty if its name says it."""
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
