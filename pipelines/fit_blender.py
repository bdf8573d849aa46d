"""How sources are put together, learned from what was bought of past lists."""

from collections.abc import Callable
from dataclasses import dataclass

from candidates.blender import MAX_PAIRS, Blender
from candidates.item_lists import ItemLists
from candidates.pool import Pool
from features.errors import InputError
from pipelines.ranker_weeks import RankerWeek


@dataclass(frozen=True)
class Blenders:
    """How sources are put together: of everything, and of what the user never bought."""

    keep: Blender
    drop: Blender


def fit_blenders(week: RankerWeek, say: Callable[[str], object]) -> Blenders:
    """Learn how to put the sources together.

    Args:
        week: lists of its beginning, and what was bought in it.
        say: called with a sentence if nothing teaches the weights of what is new.

    Raises:
        InputError: nothing in that week tells what the sources' words are worth.
    """
    days = f"from {week.start:%Y-%m-%d} to {week.end:%Y-%m-%d}"
    keep = fit_blender(week.keep, week.bought, days)
    return Blenders(keep, _fit_new_item_blender(week.drop, week.new, days, keep, say))


def fit_blender(pool: Pool, bought: ItemLists, days: str) -> Blender:
    """Learn the weights, if the candidates can teach any: some must have been bought, and some not.

    Args:
        pool: what the sources propose to n users.
        bought: what each of them bought.
        days: when that was, for a message.

    Raises:
        InputError: all candidates were bought, or none.
    """
    # Asked of the candidates that `Blender.fitted` looks at.
    hits = bought.contains_pairs(pool.rows[:MAX_PAIRS], pool.positions[:MAX_PAIRS])
    if hits.any() and not hits.all():
        return Blender.fit(pool, bought)
    raise InputError(
        f"Nothing tells what the candidate sources are worth: of {len(hits):,} candidates of {pool.users:,} users, "
        f"{int(hits.sum()):,} were bought {days}, and some must be and "
        "some not; choose another --as-of, or more --validation-days."
    )


def _fit_new_item_blender(
    pool: Pool, bought: ItemLists, days: str, keep: Blender, say: Callable[[str], object]
) -> Blender:
    """Learn the weights for what is new to the user; where nothing teaches them, those for everything serve."""
    try:
        return fit_blender(pool, bought, days)
    except InputError:
        say(
            f"the weights for all items serve for items new to the user, too: what was bought of those {days} "
            "teaches none"
        )
        return keep
