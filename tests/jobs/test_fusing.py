"""What candidate sources are worth is learned from the validation week, if that week can tell."""

import numpy as np
import pytest

from features.errors import InputError
from retrieval.item_lists import ItemLists
from retrieval.pool import Pool

DAYS = "from 2020-02-23 to 2020-03-01"
# Two users, one source: the first is told items 0 and 1, the second items 1 and 2.
POOL = Pool.of({"sold": (np.array([[0, 1], [1, 2]], np.int32), np.array([[2, 1], [2, 1]], np.float32))})


@pytest.fixture
def learned():
    from jobs.fusing import learned_fusion

    return lambda *bought: learned_fusion(POOL, ItemLists.from_lists([np.array(items, int) for items in bought]), DAYS)


def test_a_candidate_that_was_bought_beside_one_that_was_not_is_enough(learned):
    assert learned([0], []).sources == ("sold",)


@pytest.mark.parametrize(
    ("bought", "number"), [(([], []), 0), (([2, 3], [0]), 0), (([0, 1], [1, 2]), 4)], ids=["nobody", "others", "all"]
)
def test_candidates_of_which_none_or_all_were_bought_are_refused_in_one_sentence(learned, bought, number):
    with pytest.raises(InputError) as refusal:
        learned(*bought)

    assert str(refusal.value) == (
        f"Nothing tells what the candidate sources are worth: of 4 candidates of 2 users, {number} were bought from "
        "2020-02-23 to 2020-03-01, and some must be and some not; choose another --as-of, or more --validation-days."
    )


def test_where_nobody_buys_anything_new_the_weights_for_all_items_serve(call, toy, tmp_path):
    from models.release import load_release

    # Before its last week the toy world buys the same items again and again.
    words = ("--repo", toy.repo, "--releases", tmp_path, "--epochs", 1, "--label-weeks", 1)
    done = call("train", *words, "--as-of", "2020-02-22")

    assert done.exit_code == 0, done.stderr
    assert (
        "the weights for all items serve for items new to the user, too: what was bought of those from 2020-02-15 to "
        "2020-02-22 teaches none" in done.stdout.splitlines()
    )
    fusion = load_release(tmp_path).fusion
    assert fusion["drop"] == fusion["keep"]
