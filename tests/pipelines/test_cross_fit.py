"""Blender weights of one half of the users come from the purchases of the other half."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from features.errors import InputError

USERS, ITEMS = 40, 6


@pytest.fixture
def week():
    """Two sources list the same items in opposite order; even users buy the first of one, odd users of the other."""
    from pipelines.ranker_weeks import RankerWeek

    ascending = np.tile(np.arange(ITEMS, dtype=np.int32), (USERS, 1))
    scores = np.tile(np.arange(ITEMS, 0, -1, dtype=np.float32), (USERS, 1))
    pool = Pool.from_lists({"up": (ascending, scores), "down": (ascending[:, ::-1].copy(), scores)})
    bought = ItemLists.from_lists([np.array([0 if user % 2 == 0 else ITEMS - 1]) for user in range(USERS)])
    start, end = datetime(2020, 2, 23, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    return RankerWeek(pa.array([]), pa.array([]), start, end, None, None, pool, pool, bought, bought, None)


def test_each_half_is_blended_with_the_weights_of_the_other_half(week):
    from pipelines.cross_fit import cross_fitted

    lists = cross_fitted(week)

    # Even users would get item 0 first with their own weights, and get the last one with those of the odd users.
    assert (lists.keep.positions[0::2, 0] == ITEMS - 1).all()
    assert (lists.keep.positions[1::2, 0] == 0).all()
    assert (lists.drop.positions == lists.keep.positions).all()


def test_the_purchases_of_a_user_do_not_change_the_users_own_list(week):
    from pipelines.cross_fit import cross_fitted

    before = cross_fitted(week).keep.scores
    other = ItemLists.from_lists([np.array([3]), *([own] for own in week.bought.positions[1:])])
    after = cross_fitted(replace(week, bought=other)).keep.scores

    assert np.array_equal(before[0::2], after[0::2])
    assert not np.array_equal(before[1::2], after[1::2])


def test_one_pool_gives_the_same_lists(week):
    from pipelines.cross_fit import cross_fitted, cross_fitted_lists

    lists = cross_fitted_lists(week.keep, week.bought, "in May")

    assert np.array_equal(lists.positions, cross_fitted(week).keep.positions)


def test_a_half_without_purchases_is_refused(week):
    from pipelines.cross_fit import cross_fitted

    nothing = ItemLists.from_lists([np.array([0] if user % 2 else [], int) for user in range(USERS)])

    with pytest.raises(InputError, match="20 users, 0 were bought"):
        cross_fitted(replace(week, bought=nothing))
