"""Blended lists of the validation window whose weights have not seen the purchases they are evaluated on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.item_lists import ItemLists
from candidates.pool import Pool
from pipelines.fit_blender import fit_blender, fit_blenders
from pipelines.rank_candidates import RANKING_DEPTH
from pipelines.ranker_weeks import RankerWeek


@dataclass(frozen=True, eq=False)
class BlendedWeek:
    """Blended lists of the n users of a ranker week, `RANKING_DEPTH` wide.

    Attributes:
        keep: of all items.
        drop: of items that the user had never bought.
    """

    keep: BlendedLists
    drop: BlendedLists


def cross_fitted(week: RankerWeek) -> BlendedWeek:
    """Blend the candidates of each half of the users with weights fitted on the purchases of the other half.

    The blender of the release is fitted on all purchases of the validation window, and would be evaluated there on its
    own training data. With two halves no list depends on purchases of its own user, and nothing needs to be retrieved
    or trained beyond what the release needs: two fits of a few dozen weights. Fitting on an earlier week would need a
    second training of the towers before the gate. What remains is that both halves buy in the same week: the weights
    reflect how well each source works in it, not which items are bought.

    Raises:
        InputError: in one half no candidate was bought, or all were.
    """
    halves = [replace(week, keep=week.keep.take(half), drop=week.drop.take(half)) for half in _halves(week.keep.users)]
    blenders = [fit_blenders([half]) for half in reversed(halves)]
    return BlendedWeek(
        _blended([half.keep for half in halves], [blender.keep for blender in blenders]),
        _blended([half.drop for half in halves], [blender.drop for blender in blenders]),
    )


def cross_fitted_lists(pool: Pool, bought: ItemLists, days: str) -> BlendedLists:
    """Do the same for one pool of all items.

    Args:
        pool: candidates of n users.
        bought: n lists of bought items.
        days: of the purchases, for a message.

    Raises:
        InputError: in one half no candidate was bought, or all were.
    """
    pools = [pool.take(half) for half in _halves(pool.users)]
    return _blended(pools, [fit_blender([half], [bought], days) for half in reversed(pools)])


def _halves(users: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of the users at even and at odd positions, bool (users,) each."""
    even = np.arange(users) % 2 == 0
    return even, ~even


def _blended(pools: list[Pool], blenders: list[Blender]) -> BlendedLists:
    """Blend two halves, each with its own blender, and put them together."""
    first, second = (blender.blend(pool, RANKING_DEPTH) for pool, blender in zip(pools, blenders, strict=True))
    even, _ = _halves(len(first.positions))
    return BlendedLists(
        first.sources,
        np.where(even[:, None], first.positions, second.positions),
        np.where(even[:, None], first.scores, second.scores),
        np.where(even[:, None, None], first.ranks, second.ranks),
        np.where(even[:, None, None], first.source_scores, second.source_scores),
    )
