"""What candidate sources are worth is learned from the validation week, if that week can tell."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from features.errors import InputError

DAYS = "from 2020-02-23 to 2020-03-01"
# Two users, one source: the first is told items 0 and 1, the second items 1 and 2.
POOL = Pool.from_lists({"sold": (np.array([[0, 1], [1, 2]], np.int32), np.array([[2, 1], [2, 1]], np.float32))})


@pytest.fixture
def checkpoint():
    from pipelines.fit_blender import fit_blender

    return lambda *bought: fit_blender(POOL, ItemLists.from_lists([np.array(items, int) for items in bought]), DAYS)


def test_a_candidate_that_was_bought_beside_one_that_was_not_is_enough(checkpoint):
    assert checkpoint([0], []).sources == ("sold",)


@pytest.mark.parametrize(
    ("bought", "number"), [(([], []), 0), (([2, 3], [0]), 0), (([0, 1], [1, 2]), 4)], ids=["nobody", "others", "all"]
)
def test_candidates_of_which_none_or_all_were_bought_are_refused_in_one_sentence(checkpoint, bought, number):
    with pytest.raises(InputError) as refusal:
        checkpoint(*bought)

    assert str(refusal.value) == (
        f"Nothing tells what the candidate sources are worth: of 4 candidates of 2 users, {number} were bought from "
        "2020-02-23 to 2020-03-01, and some must be and some not; choose another --as-of, or more --validation-days."
    )


def test_where_nobody_buys_anything_new_the_weights_for_all_items_serve():
    from pipelines.fit_blender import fit_blenders

    bought, nothing = (
        ItemLists.from_lists([np.array(items, int) for items in lists]) for lists in ([[0], []], [[], []])
    )
    start, end = datetime(2020, 2, 23, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    week, said = SimpleNamespace(keep=POOL, drop=POOL, bought=bought, new=nothing, start=start, end=end), []

    blenders = fit_blenders(week, said.append)

    (told,) = said
    assert told == (
        "the weights for all items serve for items new to the user, too: what was bought of those from 2020-02-23 to "
        "2020-03-01 teaches none"
    )
    assert blenders.drop is blenders.keep
