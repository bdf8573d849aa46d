import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.sources.popularity import PopularityList


def test_items_are_ranked_by_count_and_ties_by_position():
    ranked = PopularityList.from_counts(np.array([2, 5, 0, 5]))

    assert ranked.ranking.tolist() == [1, 3, 0, 2]
    assert ranked.scores.tolist() == [5.0, 5.0, 2.0, 0.0]


def test_all_users_have_the_same_list_without_masks():
    positions, scores = PopularityList.from_counts(np.array([2, 5, 0, 5])).top(2, 3)

    assert positions.tolist() == [[1, 3, 0], [1, 3, 0]]
    assert scores.tolist() == [[5.0, 5.0, 2.0], [5.0, 5.0, 2.0]]


def test_excluded_and_ineligible_items_are_removed_before_the_cut():
    excluded = ItemLists.from_lists([np.array([1]), np.array([0, 3]), np.array([0, 1, 3])])

    positions, scores = PopularityList.from_counts(np.array([2, 5, 0, 5])).top(
        3, 2, excluded, eligible=np.array([True, True, False, True])
    )

    assert positions.tolist() == [[3, 0], [1, -1], [-1, -1]]
    assert scores.tolist() == [[5.0, 2.0], [5.0, -np.inf], [-np.inf, -np.inf]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(0, 5), st.integers(1, 40))
def test_the_result_equals_a_search_by_vectors_of_the_counts(seed, items, users, k):
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 4, items)
    index = ItemIndex(pa.array([f"{item:02d}" for item in range(items)]), counts[:, None].astype(np.float32))
    excluded = ItemLists.from_lists([np.flatnonzero(generator.random(items) < 0.4) for _ in range(users)])
    eligible = generator.random(items) < 0.7

    positions, scores = PopularityList.from_counts(counts).top(users, k, excluded, eligible=eligible)

    expected = index.search(np.ones((users, 1), np.float32), k, excluded, eligible=eligible)
    assert positions.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(
    ("ranking", "scores", "message"),
    [
        ([0, 0], [2, 1], "0 to 1 once"),
        ([0, 1], [1, 2], "must not rise"),
        ([0, 1], [np.inf, 2], "finite"),
        ([0, 1], [1], r"\(2,\) and \(1,\)"),
        ([], [], "at least one item"),
    ],
)
def test_a_malformed_ranking_is_refused(ranking, scores, message):
    with pytest.raises(ValueError, match=message):
        PopularityList(np.array(ranking, np.int32), np.array(scores, np.float32))


def test_a_ranking_of_wrong_dtypes_is_refused():
    with pytest.raises(ValueError, match="int64"):
        PopularityList(np.array([0]), np.array([1], np.float32))


def test_k_must_be_at_least_1_and_masks_must_match():
    ranked = PopularityList.from_counts(np.array([1, 2]))

    with pytest.raises(ValueError, match="not 0"):
        ranked.top(1, 0)
    with pytest.raises(ValueError, match="1 lists"):
        ranked.top(1, 1, ItemLists.from_lists([]))
