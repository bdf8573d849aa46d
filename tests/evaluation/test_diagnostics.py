import numpy as np
import pytest

from evaluation.diagnostics import (
    VectorDiversity,
    check_lists,
    check_recall,
    check_vectors,
    effective_rank,
    list_overlap,
    mean_cosine,
)

# Twelve purchases in a catalogue of four: two random items would be expected to hit six of them, and to miss six.
ENOUGH = {"relevant": 12, "items": 4}


def test_some_hits_pass():
    assert check_recall(2, np.array([0.0, 1.0]), **ENOUGH) == []


@pytest.mark.parametrize(("recall", "message"), [(0, "exactly 0 for all 2 users"), (1, "exactly 1 for all 2 users")])
def test_a_recall_of_exactly_0_or_1_for_all_users_fails(recall, message):
    (failed,) = check_recall(2, np.full(2, float(recall)), **ENOUGH)

    assert failed.startswith("Recall@2 is")
    assert message in failed


def test_a_recall_of_zero_passes_if_random_lists_would_not_hit_either():
    assert check_recall(2, np.zeros(2), relevant=219, items=105_542) == []
    # 219 relevant items, 2 of 87 items listed: 5.03 hits are expected by chance; of 88 items 4.98.
    assert len(check_recall(2, np.zeros(2), relevant=219, items=87)) == 1
    assert check_recall(2, np.zeros(2), relevant=219, items=88) == []


def test_a_recall_of_one_passes_if_random_lists_would_not_miss_either():
    assert check_recall(2, np.ones(2), relevant=4, items=100) == []


def test_a_recall_needs_users():
    with pytest.raises(ValueError, match="at least one user"):
        check_recall(2, np.array([]), **ENOUGH)
    with pytest.raises(ValueError, match=r"\(2, 2\) and 2"):
        check_recall(2, np.zeros((2, 2)), **ENOUGH)


def test_one_list_for_all_users_fails_in_any_order():
    (failed,) = check_lists(np.array([[4, 1, 0], [1, 4, 2]], np.int32), 2, "query vectors")

    assert failed == "All 2 users have the same 2 items: the query vectors have collapsed."


def test_one_list_passes_for_one_user_or_a_catalogue_smaller_than_k():
    assert check_lists(np.array([[0, 1]], np.int32), 2, "query vectors") == []
    assert check_lists(np.array([[0, 1], [1, 0]], np.int32), 3, "query vectors") == []


def test_nearly_one_list_fails_for_ten_users_and_passes_for_nine():
    lists = np.tile(np.arange(20, dtype=np.int32), (10, 1))
    lists[0, :2] = [20, 21]  # 22 distinct items, a tenth more than 20

    (failed,) = check_lists(lists, 20, "new-item query vectors")

    assert "All 10 users" in failed
    assert "22 distinct" in failed
    assert "new-item query vectors" in failed
    assert check_lists(lists[:9], 20, "query vectors") == []
    lists[1, 2] = 22
    assert check_lists(lists, 20, "query vectors") == []


def test_vectors_in_all_directions_pass():
    assert check_vectors(np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32), "item vectors") == []


def test_vectors_in_one_direction_fail():
    noise = np.random.default_rng(0).standard_normal((200, 8)) * 1e-3

    failed = check_vectors(noise + 1, "query vectors")

    assert failed[0].startswith("The query vectors all point in the same direction")


def test_a_vector_is_not_paired_with_itself():
    # One pair, cosine 0.9985; with each vector's cosine of 1 with itself the mean would be 0.99925.
    failed = check_vectors(np.array([[1.0, 0.0], [0.9985, np.sqrt(1 - 0.9985**2)]]), "query vectors")

    assert not any("same direction" in message for message in failed)


def test_vectors_on_a_line_fail_though_their_cosines_cancel():
    steps = np.array([-2.0, -1.0, 1.0, 2.0])

    (failed,) = check_vectors(steps[:, None] * np.array([1.0, 2.0, 3.0]), "item vectors")

    assert failed == "The item vectors lie on a line: their effective rank is 1.00 of 3 dimensions, below 2."


def test_two_unequal_directions_have_an_effective_rank_below_two():
    # Singular values 3 and 1: shares 3/4 and 1/4, entropy 0.5623351 nats, exp of it 1.75.
    (failed,) = check_vectors(np.array([[3.0, 0.0], [0.0, 1.0]]), "item vectors")

    assert "effective rank is 1.75 of 2 dimensions" in failed


def test_three_equal_directions_pass():
    assert check_vectors(np.eye(3), "item vectors") == []


def test_zero_and_infinite_vectors_are_counted():
    vectors = np.array([[0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [1.0, 1.0]], np.float32)

    assert check_vectors(vectors, "item vectors") == ["3 of 4 item vectors are zero or not finite."]


def test_one_invalid_vector_among_many_is_found_though_the_rank_is_that_of_a_sample():
    vectors = np.random.default_rng(0).standard_normal((50_000, 3)).astype(np.float32)
    vectors[4_321] = 0

    assert check_vectors(vectors, "item vectors") == ["1 of 50000 item vectors are zero or not finite."]


def test_many_vectors_on_a_line_fail():
    steps = np.random.default_rng(0).standard_normal((50_000, 1))

    (failed,) = check_vectors(steps * np.array([1.0, 2.0, 3.0]), "item vectors")

    assert "effective rank is 1.00 of 3 dimensions" in failed


def test_the_check_of_vectors_needs_two():
    with pytest.raises(ValueError, match="at least two item vectors"):
        check_vectors(np.ones((1, 3)), "item vectors")


def test_the_diversity_of_three_vectors():
    vectors = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]], np.float32)
    lists = np.array([[0, 1], [1, 2], [2, -1]], np.int32)

    diversity = VectorDiversity.of(vectors, lists)

    # Cosines of the three pairs: 0, -1, 0.
    assert diversity.mean_cosine == pytest.approx(-1 / 3)
    # Singular values 3 and 2.2360680: shares 0.5729490 and 0.4270510, entropy 0.6824660 nats.
    assert diversity.effective_rank == pytest.approx(1.9787513)
    assert (diversity.distinct_items, diversity.k, diversity.queries, diversity.dimensions) == (3, 2, 3, 2)


def test_equal_vectors_have_cosine_1_rank_1_and_one_list():
    diversity = VectorDiversity.of(np.tile(np.float32([1, 2, 3]), (50, 1)), np.tile(np.int32([4, 1]), (50, 1)))

    assert diversity.mean_cosine == pytest.approx(1)
    assert diversity.effective_rank == pytest.approx(1, abs=1e-5)
    assert diversity.distinct_items == diversity.k == 2


def test_the_mean_cosine_does_not_depend_on_the_length_of_vectors():
    vectors = np.random.default_rng(1).standard_normal((30, 4))

    assert mean_cosine(vectors * np.arange(1, 31)[:, None]) == pytest.approx(mean_cosine(vectors))


def test_the_effective_rank_is_the_number_of_equal_directions():
    assert effective_rank(np.eye(5)) == pytest.approx(5)
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(1.7548, abs=1e-4)


def test_zero_vectors_have_no_direction_and_one_vector_has_no_pair():
    assert (mean_cosine(np.zeros((3, 2))), effective_rank(np.zeros((3, 2)))) == (0, 0)
    assert mean_cosine(np.ones((1, 2))) == 1


def test_the_overlap_of_lists_is_averaged_over_users_and_independent_of_the_order():
    earlier = np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.int32)
    later = np.array([[3, 2, 1, 0], [7, 8, 9, 10]], np.int32)

    assert list_overlap(earlier, later) == 0.625  # 4 of 4 and 1 of 4


def test_the_overlap_ignores_padding_and_users_without_a_list():
    earlier = np.array([[0, 1, -1], [-1, -1, -1]], np.int32)
    later = np.array([[1, -1, -1], [5, -1, -1]], np.int32)

    assert list_overlap(earlier, later) == 0.5


def test_the_overlap_needs_lists_of_the_same_users():
    with pytest.raises(ValueError, match=r"same users.* \(2, 1\) and \(1, 1\)"):
        list_overlap(np.array([[0], [1]], np.int32), np.array([[0]], np.int32))
    with pytest.raises(ValueError, match="same users"):
        list_overlap(np.full((1, 2), -1, np.int32), np.full((1, 2), -1, np.int32))
