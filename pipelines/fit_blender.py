"""Fitting of the blender on the candidates of past weeks and the purchases in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from candidates.blender import Blender, NoContrastError
from candidates.item_lists import ItemLists
from candidates.parallel import map_in_threads
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

    def with_leading(self, keep: str | None, drop: str | None) -> "Blenders":
        """Return the blenders with a leading source each, see `candidates.blender.Blender`."""
        return Blenders(replace(self.keep, leading=keep), replace(self.drop, leading=drop))


def fit_blenders(weeks: Sequence[RankerWeek], reporter: Reporter = SILENT) -> Blenders:
    """Fit the weights for all items and for new items.

    Where the purchases of new items do not suffice, the weights for all items are used for new items, too.

    Args:
        weeks: one or more in order of time, each with candidates as of its start and its purchases.
        reporter: receives a detail if the weights for all items are used for new items.

    Raises:
        InputError: no candidate was bought, or all were.
    """
    days = f"from {weeks[0].start:%Y-%m-%d} to {weeks[-1].end:%Y-%m-%d}"
    policies = (
        ([week.keep for week in weeks], [week.bought for week in weeks]),
        ([week.drop for week in weeks], [week.new for week in weeks]),
    )
    fits = map_in_threads(lambda policy: fit_blender(*policy, days), policies)
    keep = next(fits)
    try:
        return Blenders(keep, next(fits))
    except InputError:
        reporter.detail(f"new items are blended with the weights of all items: too few of them were bought {days}")
        return Blenders(keep, keep)


def fit_blender(pools: Sequence[Pool], bought: Sequence[ItemLists], days: str) -> Blender:
    """Fit the weights; some candidates must have been bought, and some not.

    Args:
        pools: candidates of the users of each week.
        bought: for each pool, the items that its users bought.
        days: of the purchases, for a message.

    Raises:
        InputError: no candidate was bought, or all were.
    """
    try:
        return Blender.fit(pools, bought)
    except NoContrastError as error:
        users = sum(len(np.unique(pool.rows)) for pool in pools)
        raise InputError(
            f"Cannot fit the blender: of {error.candidates:,} candidates of {users:,} users, {error.bought:,} were "
            f"bought {days}, and some must be and some not. Use more users, another --as-of, or more --validation-days."
        ) from error
