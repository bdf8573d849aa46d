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


def test_a_candidate_is_bought_if_its_user_bought_it(examples):
    assert len(examples) == 4
    assert examples.bought.tolist() == [False, True, True, False]


def test_lists_with_candidates_and_purchases_are_evaluable(examples):
    assert examples.evaluable.tolist() == [0, 2]


def test_some_lists_can_be_taken_and_are_numbered_from_0(examples):
    part = examples.take(np.array([1, 2]))

    assert part.user_codes.tolist() == [11, 10]
    assert part.pairs.rows.tolist() == [1]
    assert part.pairs.matrix.tolist() == [[2]]
    assert part.relevant.positions.tolist() == [5, 5]


def test_lists_of_several_days_can_be_concatenated(examples):
    both = TrainingExamples.concat([examples.take(np.array([0, 1])), examples])

    assert both.user_codes.tolist() == [10, 11, 10, 11, 10, 12]
    assert both.pairs.rows.tolist() == [0, 0, 2, 2, 4, 5]
    assert both.bought.tolist() == [False, True, False, True, True, False]
    assert both.relevant.lengths.tolist() == [2, 1, 2, 1, 1, 0]


def test_a_sample_of_lists_depends_on_the_seed_and_keeps_the_order(examples):
    samples = [tuple(examples.sample(3, seed).user_codes.tolist()) for seed in range(20)]

    assert samples == [tuple(examples.sample(3, seed).user_codes.tolist()) for seed in range(20)]
    assert set(samples) == {(10, 11, 10), (10, 11, 12), (10, 10, 12), (11, 10, 12)}
    assert examples.sample(4, 1) is examples


def test_pairs_relevant_items_and_users_must_have_the_same_number_of_lists(examples):
    with pytest.raises(ValueError, match="not of 4, 4 and 3"):
        TrainingExamples(examples.pairs, examples.relevant, np.arange(3))
