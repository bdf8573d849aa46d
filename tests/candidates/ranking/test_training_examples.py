import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures
from candidates.ranking.training_examples import TrainingExamples


@pytest.fixture
def examples():
    """Four lists: candidates 5 and 3, none, 5, 4; the last user bought nothing."""
    pairs = PairFeatures(
        (), 4, np.array([0, 0, 2, 3]), np.array([5, 3, 5, 4], np.int32), np.arange(4, dtype=np.float32)[:, None]
    )
    relevant = ItemLists.from_lists([np.array([3, 9]), np.array([5]), np.array([5]), np.array([], np.int64)])
    return TrainingExamples(pairs, relevant, np.array([10, 11, 10, 12]))


def test_a_candidate_was_bought_if_its_own_user_bought_it_in_the_week(examples):
    assert len(examples) == 4
    assert examples.bought.tolist() == [False, True, True, False]


def test_a_list_is_judged_if_it_has_candidates_and_its_user_bought_something(examples):
    assert examples.judged.tolist() == [0, 2]


def test_some_lists_are_numbered_anew(examples):
    part = examples.take(np.array([1, 2]))

    assert part.users.tolist() == [11, 10]
    assert part.pairs.rows.tolist() == [1]
    assert part.pairs.matrix.tolist() == [[2]]
    assert part.relevant.positions.tolist() == [5, 5]


def test_days_are_put_together(examples):
    both = TrainingExamples.together([examples.take(np.array([0, 1])), examples])

    assert both.users.tolist() == [10, 11, 10, 11, 10, 12]
    assert both.pairs.rows.tolist() == [0, 0, 2, 2, 4, 5]
    assert both.bought.tolist() == [False, True, False, True, True, False]
    assert both.relevant.lengths.tolist() == [2, 1, 2, 1, 1, 0]


def test_lists_are_drawn_by_the_seed_and_stay_in_order(examples):
    drawn = [tuple(examples.drawn(3, seed).users.tolist()) for seed in range(20)]

    assert drawn == [tuple(examples.drawn(3, seed).users.tolist()) for seed in range(20)]
    assert set(drawn) == {(10, 11, 10), (10, 11, 12), (10, 10, 12), (11, 10, 12)}
    assert examples.drawn(4, 1) is examples


def test_pairs_relevant_items_and_users_must_be_of_the_same_lists(examples):
    with pytest.raises(ValueError, match="not of 4, 4 and 3"):
        TrainingExamples(examples.pairs, examples.relevant, np.arange(3))
