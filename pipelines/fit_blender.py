"""Fitting of the blender on the candidates of one week and the purchases in it."""

from dataclasses import dataclass

import numpy as np

from candidates.blender import MAX_PAIRS, Blender
from candidates.item_lists import ItemLists
from candidates.pool import Pool
from features.errors import InputError
from features.progress import SILENT, Reporter
from pipelines.ranker_weeks import RankerWeek


@dataclass(frozen=True)
class Blenders:
    """Weights of the candidate sources, by policy for items bought before.

    Attributes:
        keep: for all items.
        drop: for items that the user never bought.
    """

    keep: Blender
    drop: Blender


def fit_blenders(week: RankerWeek, reporter: Reporter = SILENT) -> Blenders:
    """Fit the weights for all items and for new items.

    Where the purchases of new items do not suffice, the weights for all items are used for new items, too.

    Args:
        week: candidates as of its start, and its purchases.
        reporter: receives a detail if the weights for all items are used for new items.

    Raises:
        InputError: no candidate was bought, or all were.
    """
    days = f"from {week.start:%Y-%m-%d} to {week.end:%Y-%m-%d}"
    keep = fit_blender(week.keep, week.bought, days)
    try:
        return Blenders(keep, fit_blender(week.drop, week.new, days))
    except InputError:
        reporter.detail(f"new items are blended with the weights of all items: too few of them were bought {days}")
        return Blenders(keep, keep)


def fit_blender(pool: Pool, bought: ItemLists, days: str) -> Blender:
    """Fit the weights; some candidates must have been bought, and some not.

    Args:
        pool: candidates of n users.
        bought: n lists of bought items.
        days: of the purchases, for a message.

    Raises:
        InputError: no candidate was bought, or all were.
    """
    # The candidates that `Blender.fit` uses.
    hits = bought.contains_pairs(pool.rows[:MAX_PAIRS], pool.positions[:MAX_PAIRS])
    if hits.any() and not hits.all():
        return Blender.fit(pool, bought)
    users = len(np.unique(pool.rows))
    raise InputError(
        f"Cannot fit the blender: of {len(hits):,} candidates of {users:,} users, {int(hits.sum()):,} were bought "
        f"{days}, and some must be and some not. Use more users, another --as-of, or more --validation-days."
    )
