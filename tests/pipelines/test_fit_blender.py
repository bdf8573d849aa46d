"""The blender is fitted on past weeks, if some of its candidates were bought and some not."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from features.errors import InputError

# Two users, one source: candidates of the first are items 0 and 1, of the second items 1 and 2.
POOL = Pool.from_lists({"sold": (np.array([[0, 1], [1, 2]], np.int32), np.array([[2, 1], [2, 1]], np.float32))})


def lists(*items):
    return ItemLists.from_lists([np.array(own, int) for own in items])


@pytest.mark.parametrize(
    ("bought", "number"), [(([], []), 0), (([2, 3], [0]), 0), (([0, 1], [1, 2]), 4)], ids=["none", "others", "all"]
)
def test_candidates_of_which_none_or_all_were_bought_are_refused_with_their_number(bought, number):
    from pipelines.fit_blender import fit_blender

    with pytest.raises(InputError, match=rf"4 candidates of 2 users, {number} were bought in May"):
        fit_blender([POOL], [lists(*bought)], "in May")


def test_one_bought_candidate_suffices():
    from pipelines.fit_blender import fit_blender

    assert fit_blender([POOL], [lists([0], [])], "in May").sources == ("sold",)


def test_without_purchases_of_new_items_the_weights_of_all_items_are_used(reporter):
    from pipelines.fit_blender import fit_blenders

    start, end = datetime(2020, 2, 23, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    week = SimpleNamespace(keep=POOL, drop=POOL, bought=lists([0], []), new=lists([], []), start=start, end=end)

    blenders = fit_blenders([week], reporter)

    assert blenders.drop is blenders.keep
    [detail] = reporter.details
    assert "2020-02-23" in detail
