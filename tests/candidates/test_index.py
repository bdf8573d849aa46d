from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from fixtures.exact_search import reference_search
from hypothesis import given
from hypothesis import strategies as st

import candidates.index
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists


def index_of(vectors):
    vectors = np.asarray(vectors, np.float32)
    return ItemIndex(pa.array([f"item{position:07d}" for position in range(len(vectors))]), vectors)


def queries_of(*rows):
    return np.array(rows, np.float32)


@st.composite
def searches(draw):
    """Small integers as vectors, so that scores are exact and often equal; some queries have fewer dimensions."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items, dimensions, users = (
        draw(st.integers(1, 60) | st.integers(500, 900)),
        draw(st.integers(1, 9)),
        draw(st.integers(0, 2) | st.integers(7, 11)),  # below and above the limit up to which queries count as few
    )
    most, shorter = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    vectors = generator.integers(-most, most + 1, (items, dimensions)).astype(np.float32)
    queries = generator.integers(-most, most + 1, (users, max(1, dimensions - shorter))).astype(np.float32)
    excluded_share, eligible_share = draw(st.sampled_from([0.0, 0.2, 0.9, 1.0])), draw(st.sampled_from([0.1, 0.7, 1.0]))
    excluded = [generator.permutation(np.flatnonzero(generator.random(items) < excluded_share)) for _ in range(users)]
    k = draw(st.integers(1, 70) | st.just(items) | st.just(items + 1))
    return vectors, queries, k, excluded, generator.random(items) < eligible_share


def lists_of(excluded):
    """Item lists in the order given."""
    offsets = np.cumsum([0, *map(len, excluded)]).astype(np.int64)
    return ItemLists(offsets, np.concatenate([np.empty(0, np.int32), *excluded]).astype(np.int32))


@given(searches())
def test_search_equals_a_full_sort_under_any_masks_and_ties(search):
    vectors, queries, k, excluded, eligible = search

    positions, scores = index_of(vectors).search(queries, k, lists_of(excluded), eligible=eligible)

    expected_positions, expected_scores = reference_search(vectors, queries, k, excluded, eligible)
    assert positions.tolist() == expected_positions.tolist()
    assert scores.tolist() == expected_scores.tolist()
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)
    assert positions.shape == scores.shape == (len(queries), min(k, len(vectors)))


@given(searches(), st.integers(1, 9), st.integers(1, 3_000), st.integers(128, 300), st.integers(0, 9))
def test_the_result_does_not_depend_on_the_sizes_of_blocks_tiles_and_shortlists(search, block, tile, spare, few):
    vectors, queries, k, excluded, eligible = search
    expected = reference_search(vectors, queries, k, excluded, eligible)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.index, "QUERIES_PER_BLOCK", block)
        patch.setattr(candidates.index, "SCORES_PER_TILE", tile)
        patch.setattr(candidates.index, "FEW_QUERIES", few)
        patch.setattr(candidates.index, "SPARE_CAPACITY", spare)
        found = index_of(vectors).search(queries, k, lists_of(excluded), eligible=eligible)

    assert found[0].tolist() == expected[0].tolist()
    assert found[1].tolist() == expected[1].tolist()


@pytest.mark.parametrize("order", ["random", "ascending", "descending"])
@pytest.mark.parametrize("k", [1, 100, 2_500])
def test_search_equals_a_full_sort_in_a_large_catalogue_whatever_its_order(order, k):
    generator = np.random.default_rng(4)
    vectors, queries = generator.standard_normal((20_011, 8)), generator.standard_normal((5, 8)).astype(np.float32)
    if order != "random":
        vectors = vectors[np.argsort(vectors @ queries[0] * (1 if order == "ascending" else -1))]
    vectors = vectors.astype(np.float32)
    excluded = [generator.choice(len(vectors), 2_000, replace=False) for _ in queries]

    positions, scores = index_of(vectors).search(queries, k, lists_of(excluded))

    expected_positions, expected_scores = reference_search(vectors, queries, k, excluded)
    assert positions.tolist() == expected_positions.tolist()
    assert scores.tolist() == expected_scores.tolist()


def test_the_result_does_not_depend_on_threads():
    generator = np.random.default_rng(6)
    index = index_of(generator.standard_normal((9_001, 24)))
    queries = generator.standard_normal((64, 24)).astype(np.float32)
    positions, scores = index.search(queries, 30)

    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(lambda start: index.search(queries[start : start + 4], 30), range(0, 64, 4)))

    assert np.concatenate([part[0] for part in parts]).tolist() == positions.tolist()
    assert np.concatenate([part[1] for part in parts]).tolist() == scores.tolist()


def test_the_best_items_come_first_with_their_scores():
    index = index_of([[1, 0], [0, 1], [2, 2], [-1, 0]])

    positions, scores = index.search(queries_of([1, 0], [0, -1]), 3)

    assert positions.tolist() == [[2, 0, 1], [0, 3, 1]]
    assert scores.tolist() == [[2.0, 1.0, 0.0], [0.0, 0.0, -1.0]]


@pytest.mark.parametrize("items", [500, 30_000])  # within the capacity of a shortlist, and far beyond it
def test_ties_are_cut_by_position(items):
    index = index_of([[1.0]] * items)
    excluded = ItemLists.from_lists([np.array([1]), np.array([0, 3])])

    positions, scores = index.search(queries_of([1.0], [-2.0]), 3, excluded, eligible=np.arange(items) != 4)

    assert positions.tolist() == [[0, 2, 3], [1, 2, 5]]
    assert scores.tolist() == [[1.0] * 3, [-2.0] * 3]


def test_ties_do_not_hide_better_items_behind_them():
    vectors = np.ones((30_000, 1), np.float32)
    vectors[[12_345, 29_999]] = 2

    positions, scores = index_of(vectors).search(queries_of([1.0]), 4)

    assert positions.tolist() == [[12_345, 29_999, 0, 1]]
    assert scores.tolist() == [[2.0, 2.0, 1.0, 1.0]]


def test_a_query_of_zeros_lists_the_first_items():
    positions, scores = index_of(np.full((5_000, 2), -1.0)).search(queries_of([0.0, 0.0]), 2)

    assert positions.tolist() == [[0, 1]]
    assert scores.tolist() == [[0.0, 0.0]]


def test_lists_are_padded_if_fewer_than_k_items_remain():
    index = index_of([[1.0], [2.0], [3.0], [4.0], [5.0]])
    excluded = ItemLists.from_lists([np.array([4, 2]), np.array([4, 2, 0])])

    positions, scores = index.search(queries_of([1.0], [1.0]), 3, excluded)

    assert positions.tolist() == [[3, 1, 0], [3, 1, -1]]
    assert scores.tolist() == [[4.0, 2.0, 1.0], [4.0, 2.0, -np.inf]]


def test_ineligible_items_are_returned_for_no_query():
    index = index_of([[1.0], [2.0], [3.0]])

    positions, _ = index.search(queries_of([1.0], [-1.0]), 2, eligible=np.array([True, True, False]))

    assert positions.tolist() == [[1, 0], [0, 1]]


def test_the_result_for_a_query_does_not_depend_on_other_queries():
    generator = np.random.default_rng(0)
    index = index_of(generator.standard_normal((5_003, 48)))
    queries = generator.standard_normal((33, 48)).astype(np.float32)

    positions, scores = index.search(queries, 50)

    for user in range(33):
        alone_positions, alone_scores = index.search(queries[user : user + 1], 50)
        assert alone_positions[0].tolist() == positions[user].tolist()
        assert alone_scores[0].tolist() == scores[user].tolist()


def test_items_with_equal_vectors_are_ordered_by_id():
    generator = np.random.default_rng(1)
    distinct = generator.standard_normal((400, 31))
    first, second = np.split(generator.permutation(800), 2)
    vectors = np.empty((800, 31))
    vectors[first], vectors[second] = distinct, distinct

    positions, scores = index_of(vectors).search(generator.standard_normal((1, 31)).astype(np.float32), 800)

    assert (scores[0, ::2] == scores[0, 1::2]).all()
    assert (positions[0, ::2] < positions[0, 1::2]).all()


def test_scores_are_summed_exactly_where_float32_sums_are_not():
    # 2**24 + 1 is not a float32: summed in float32, the last item's 1 may be lost and the last item tie with the first.
    index = index_of([[4096, 0, 0], [4096, 2, -1], [4096, 2, 0]])

    positions, scores = index.search(queries_of([4096, 1, 1]), 3)

    assert positions.tolist() == [[2, 0, 1]]
    assert scores.tolist() == [[16777218.0, 16777216.0, 16777216.0]]


@pytest.mark.parametrize("users", [1, 2, 40])
def test_an_item_with_an_inexact_float32_sum_is_not_cut(users):
    # 16 products of 2**24 make 2**28. Added to that in float32, 1 changes nothing, not even 128 times, while 64 counts:
    # a float32 product gives 2**28 and 2**28 + 64, exact sums are 2**28 + 128 and 2**28 + 64.
    inexact = [4096.0] * 16 + [1.0] * 128
    exact = [4096.0] * 16 + [64.0] + [0.0] * 127

    positions, scores = index_of([exact, inexact]).search(np.array([inexact] * users, np.float32), 1)

    assert positions.tolist() == [[1]] * users
    assert scores.tolist() == [[2.0**28 + 128]] * users


def test_the_dimensions_that_a_query_lacks_count_as_zero():
    index = index_of([[1, 9], [3, 8], [2, 7]])

    positions, scores = index.search(queries_of([2], [-1]), 2)

    assert positions.tolist() == [[1, 2], [0, 2]]
    assert scores.tolist() == [[6.0, 4.0], [-1.0, -2.0]]


def test_scores_of_pairs_are_those_of_the_search():
    generator = np.random.default_rng(8)
    index = index_of(generator.standard_normal((3_000, 37)))
    for dimensions in (37, 16, 5):
        queries = generator.standard_normal((9, dimensions)).astype(np.float32)
        positions, scores = index.search(queries, 45)

        found = index.score_pairs(queries, np.arange(0, 9 * 45 + 1, 45), positions.reshape(-1))
        single = [
            index.score_pairs(queries[row : row + 1], np.array([0, 1]), positions[row, rank : rank + 1])[0]
            for row in range(9)
            for rank in range(45)
        ]

        assert found.dtype == np.float32
        assert found.tolist() == single == scores.reshape(-1).tolist()


def test_lists_of_pairs_may_be_empty_and_in_any_order():
    index = index_of([[1, 1], [2, 3], [4, 5]])

    scores = index.score_pairs(queries_of([1, 0], [0, 0], [1, -1]), np.array([0, 3, 3, 4]), np.int32([2, 0, 2, 1]))

    assert scores.tolist() == [4.0, 1.0, 4.0, -1.0]
    assert index.score_pairs(np.empty((0, 2), np.float32), np.array([0]), np.empty(0, np.int32)).tolist() == []


@pytest.mark.parametrize(
    ("offsets", "positions", "message"),
    [
        ([0, 2], [0], r"from 0 to 1"),
        ([1, 1], [0], r"from 0 to 1"),
        ([0, 1, 1], [0], r"\(2,\)"),
        ([0, 1], [2], "0 to 1, not 2 to 2"),
        ([0, 1], [-1], "0 to 1, not -1 to -1"),
    ],
)
def test_pairs_of_the_wrong_form_are_refused(offsets, positions, message):
    with pytest.raises(ValueError, match=message):
        index_of([[2.0], [1.0]]).score_pairs(queries_of([1.0]), np.array(offsets), np.int32(positions))


def test_zero_queries_have_zero_lists():
    positions, scores = index_of([[1.0], [2.0]]).search(np.empty((0, 1), np.float32), 5)

    assert positions.shape == scores.shape == (0, 2)


def test_the_arguments_are_not_changed():
    vectors, queries = np.array([[1.0], [2.0]], np.float32), queries_of([3.0])

    index_of(vectors).search(queries, 1, ItemLists.from_lists([np.array([1])]), eligible=np.array([True, False]))

    assert vectors.tolist() == [[1.0], [2.0]]
    assert queries.tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("item_ids", "vectors", "message"),
    [
        (["b", "a"], [[1.0], [2.0]], "sorted ascending"),
        (["a", "a"], [[1.0], [2.0]], "unique"),
        (["a", None], [[1.0], [2.0]], "unique"),
        ([1, 2], [[1.0], [2.0]], "must be string"),
        (["a", "b"], [[1.0], [np.nan]], "finite"),
        (["a", "b"], [[1.0]], r"not \(2,\) and \(1, 1\)"),
        (["a"], [1.0], r"not \(1,\) and \(1,\)"),
    ],
)
def test_an_index_of_the_wrong_form_is_refused(item_ids, vectors, message):
    with pytest.raises(ValueError, match=message):
        ItemIndex(pa.array(item_ids), np.array(vectors, np.float32))


def test_an_index_without_items_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        ItemIndex(pa.array([], pa.string()), np.empty((0, 4), np.float32))


def test_an_index_in_double_precision_is_refused():
    with pytest.raises(ValueError, match="float64"):
        ItemIndex(pa.array(["a"]), np.array([[1.0]]))


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([[1.0, 2.0]], r"1 to 1 dimensions, not \(1, 2\)"),
        ([[]], r"1 to 1 dimensions, not \(1, 0\)"),
        ([[np.nan]], "finite"),
        ([[np.inf]], "finite"),
        ([[3e38]], "within float32"),
    ],
)
def test_queries_of_the_wrong_form_are_refused(queries, message):
    with pytest.raises(ValueError, match=message):
        index_of([[2.0]]).search(np.array(queries, np.float32), 1)


def test_k_must_be_at_least_1():
    with pytest.raises(ValueError, match="not 0"):
        index_of([[2.0]]).search(queries_of([1.0]), 0)


def test_masks_of_another_catalogue_or_other_users_are_refused():
    index = index_of([[2.0], [1.0]])

    with pytest.raises(ValueError, match="1 lists of positions below 2, not 2"):
        index.search(queries_of([1.0]), 1, ItemLists.from_lists([np.array([0]), np.array([1])]))
    with pytest.raises(ValueError, match="up to 2"):
        index.search(queries_of([1.0]), 1, ItemLists.from_lists([np.array([2])]))
    with pytest.raises(ValueError, match=r"\(2,\) bool"):
        index.search(queries_of([1.0]), 1, eligible=np.array([True]))
