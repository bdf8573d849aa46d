"""What the filters cost in one week: those in force, all of these together, and others that one could choose."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from candidates.filters.context import Goods, Users
from candidates.filters.exclusions import Barred
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings
from candidates.sources.source_set import Queries, Sources
from evaluation.candidate_lists import Lists
from evaluation.filter_costs import ALL_IN_FORCE, price_of
from evaluation.results import FilterPrice
from evaluation.scoreboard import Scoreboard
from pipelines.candidate_lists import fused
from pipelines.fit_blender import Fusions

NOTHING = FilterSettings(for_sale=False, age_limit=False)
# What is priced beside the filters in force, so that one can choose.
OTHERS = (
    replace(NOTHING, for_sale=True),
    replace(NOTHING, age_limit=True),
    replace(NOTHING, already_bought="cool-down", cool_down_days=7),
    replace(NOTHING, already_bought="drop"),
    replace(NOTHING, unsold_days=28),
    replace(NOTHING, at_most_per_department=20),
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
        fusions: how they are put together.
        users: what filters may know of the n users.
        goods: what they may know of the catalogue.
        judge: of the same users.
    """

    queries: Queries
    sources: Sources
    fusions: Fusions
    users: Users
    goods: Goods
    judge: Scoreboard

    def lists(self, filters: FilterSet) -> Lists:
        """What is listed under these filters, in place of the whole catalogue."""
        barred, cap = filters.barred(self.users, self.goods), filters.cap(self.goods)
        fresh = barred.united(Barred(pairs=self.users.histories.bought))
        of_policy = self.fusions.drop if filters.policy == "drop" else self.fusions.keep
        every, new = (
            fused(self.queries, self.sources, fusion, masks, cap, self.judge.k).positions
            for fusion, masks in ((of_policy, barred), (self.fusions.drop, fresh))
        )
        return Lists("filtered", every, new)


def filter_prices(shop: Shop, without: Lists, in_force: FilterSettings) -> list[FilterPrice]:
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
        prices.insert(0, _price(shop, without, in_force, in_force=True, name=ALL_IN_FORCE))
    return prices


def _price(
    shop: Shop, without: Lists, settings: FilterSettings, *, in_force: bool, name: str | None = None
) -> FilterPrice:
    filters = FilterSet.of(settings)
    [alone, *_] = filters.sentences(shop.goods)
    return price_of(
        name or alone,
        "" if name else _told(settings),
        in_force=in_force,
        without=without,
        filtered=shop.lists(filters),
        allowed=filters.allowed(shop.users, shop.goods),
        judge=shop.judge,
    )


def _alone(settings: FilterSettings) -> Iterator[FilterSettings]:
    """Each filter of some settings by itself."""
    names = [field.name for field in fields(FilterSettings) if not field.name.startswith("cool_down")]
    for name in names:
        together = _TOGETHER if settings.already_bought == "cool-down" else {}
        parts = {part: getattr(settings, part) for part in together.get(name, (name,))}
        alone = replace(NOTHING, **parts)
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
