import numpy as np
import pytest

from evaluation.faults import embedding_faults, recall_faults, sameness_faults

HEALTHY_RECALL = np.array([0.0, 1.0])


# Twelve purchases in a catalogue of four: two places would find six of them by chance, and miss six.
ENOUGH = {"relevant": 12, "items": 4}


def test_some_hits_are_no_fault():
    assert recall_faults(2, HEALTHY_RECALL, **ENOUGH) == []


def test_a_recall_of_zero_for_all_is_a_fault():
    (fault,) = recall_faults(2, np.zeros(2), **ENOUGH)

    assert fault.startswith("Recall@2 is exactly 0 for all 2 users")


def test_a_recall_of_one_for_all_is_a_fault():
    (fault,) = recall_faults(2, np.ones(2), **ENOUGH)

    assert fault.startswith("Recall@2 is exactly 1 for all 2 users")


def test_a_recall_of_zero_is_no_fault_where_chance_would_not_have_hit_either():
    assert recall_faults(2, np.zeros(2), relevant=219, items=105_542) == []
    # 219 items bought, 2 of 87 listed: chance finds 5.03; of 88 it finds 4.98.
    assert len(recall_faults(2, np.zeros(2), relevant=219, items=87)) == 1
    assert recall_faults(2, np.zeros(2), relevant=219, items=88) == []


def test_a_recall_of_one_is_no_fault_where_chance_would_not_have_missed_either():
    assert recall_faults(2, np.ones(2), relevant=4, items=100) == []


def test_one_list_for_all_users_is_a_fault_in_whatever_order():
    (fault,) = sameness_faults(np.array([[4, 1, 0], [1, 4, 2]], np.int32), 2, "query vectors")

    assert fault == "All 2 users have the same 2 items: the query vectors have collapsed."


def test_one_user_or_a_catalogue_smaller_than_k_must_have_one_list():
    assert sameness_faults(np.array([[0, 1]], np.int32), 2, "query vectors") == []
    assert sameness_faults(np.array([[0, 1], [1, 0]], np.int32), 3, "query vectors") == []


def test_nearly_one_list_for_ten_users_is_a_fault_and_for_nine_it_may_be_chance():
    lists = np.tile(np.arange(20, dtype=np.int32), (10, 1))
    lists[0, :2] = [20, 21]  # 22 items together, a tenth more than 20

    (fault,) = sameness_faults(lists, 20, "query vectors for something new")

    assert fault == (
        "All 10 users have nearly the same 20 items, 22 together: the query vectors for something new have collapsed."
    )
    assert sameness_faults(lists[:9], 20, "query vectors") == []
    lists[1, 2] = 22
    assert sameness_faults(lists, 20, "query vectors") == []


def test_a_recall_needs_users():
    with pytest.raises(ValueError, match="at least one user"):
        recall_faults(2, np.array([]), **ENOUGH)
    with pytest.raises(ValueError, match=r"\(2, 2\) and 2"):
        recall_faults(2, np.zeros((2, 2)), **ENOUGH)


def test_vectors_in_all_directions_are_no_fault():
    assert embedding_faults(np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32), "item vectors") == []


def test_vectors_that_point_the_same_way_are_a_fault():
    noise = np.random.default_rng(0).standard_normal((200, 8)) * 1e-3

    faults = embedding_faults(noise + 1, "query vectors")

    assert faults[0].startswith("The query vectors all point the same way")


def test_a_vector_is_not_paired_with_itself():
    # One pair, cosine 0.9985; with each vector's cosine of 1 with itself the mean would be 0.99925.
    faults = embedding_faults(np.array([[1.0, 0.0], [0.9985, np.sqrt(1 - 0.9985**2)]]), "query vectors")

    assert not any("point the same way" in fault for fault in faults)


def test_vectors_on_a_line_are_a_fault_though_their_cosines_cancel():
    steps = np.array([-2.0, -1.0, 1.0, 2.0])

    (fault,) = embedding_faults(steps[:, None] * np.array([1.0, 2.0, 3.0]), "item vectors")

    assert fault == "The item vectors lie on a line: their effective rank is 1.00 of 3 dimensions, below 2."


def test_the_effective_rank_of_two_unequal_directions_is_below_two():
    # Singular values 3 and 1: shares 3/4 and 1/4, entropy 0.5623351 nats, exp of it 1.75.
    (fault,) = embedding_faults(np.array([[3.0, 0.0], [0.0, 1.0]]), "item vectors")

    assert "effective rank is 1.75 of 2 dimensions" in fault


def test_the_effective_rank_of_three_equal_directions_is_enough():
    assert embedding_faults(np.eye(3), "item vectors") == []


def test_zero_and_infinite_vectors_are_counted():
    vectors = np.array([[0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [1.0, 1.0]], np.float32)

    assert embedding_faults(vectors, "item vectors") == ["3 of 4 item vectors are zero or not finite."]


def test_collapse_needs_two_vectors_to_show():
    with pytest.raises(ValueError, match="at least two item vectors"):
        embedding_faults(np.ones((1, 3)), "item vectors")
