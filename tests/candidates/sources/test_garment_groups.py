import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import candidates.sources.garment_groups
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.sources.garment_groups import PRIOR, GarmentGroupPopularity

# Department 0 holds items 0, 1, 2 and sold 10 pieces, department 1 holds 3, 4, 5 and sold 30.
POPULARITY = GarmentGroupPopularity(
    np.array([0, 0, 0, 1, 1, 1], np.int32), np.array([6, 4, 0, 3, 21, 6], np.float32)
)  # fmt: skip


def histories_of(*users):
    """For each user pairs of item position and count, all of one day."""
    rows = [(row, *pair) for row, user in enumerate(users) for pair in user]
    counts = np.array([count for _, _, count in rows], np.float32)
    return Histories(
        np.cumsum([0, *map(len, users)]).astype(np.int64),
        np.array([item for _, item, _ in rows], np.int32),
        counts,
        np.zeros_like(counts),
    )


def test_a_users_departments_come_before_what_sells_better_elsewhere():
    # The prior of 20 purchases gives department 0 5 of them and department 1 15. With 60 purchases of his own in
    # department 0 its share is 65 / 80; items 0 and 1 have 0.6 and 0.4 of it, items 3, 4 and 5 0.1, 0.7 and 0.2 of
    # the other's 15 / 80.
    positions, scores = POPULARITY.top(histories_of([(2, 60)]), 6)

    assert PRIOR == 20
    assert positions.tolist() == [[0, 1, 4, 5, 3, -1]]
    assert scores[0, :5] == pytest.approx([0.6 * 65 / 80, 0.4 * 65 / 80, 0.7 * 15 / 80, 0.2 * 15 / 80, 0.1 * 15 / 80])
    assert scores[0, 5] == -np.inf
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_a_user_without_history_gets_what_sells_equal_sales_by_position():
    positions, scores = POPULARITY.top(histories_of([]), 4)

    assert positions.tolist() == [[4, 0, 5, 1]]
    assert scores[0] == pytest.approx([21 / 40, 6 / 40, 6 / 40, 4 / 40])


def test_what_has_not_sold_is_not_listed():
    nothing = GarmentGroupPopularity(np.array([0, 1], np.int32), np.zeros(2, np.float32))

    assert nothing.top(histories_of([(0, 1)]), 2)[0].tolist() == [[-1, -1]]


def test_an_unknown_department_is_a_department_like_any_other():
    popularity = GarmentGroupPopularity(np.array([-1, 0, -1], np.int32), np.array([1, 5, 2], np.float32))

    assert popularity.top(histories_of([(0, 100)], []), 3)[0].tolist() == [[2, 0, 1], [1, 2, 0]]


def test_excluded_items_make_room_before_the_cut():
    excluded = ItemLists.from_lists([np.array([0, 4]), np.array([4, 5])])

    assert POPULARITY.top(histories_of([(2, 60)], []), 2, excluded)[0].tolist() == [[1, 5], [0, 1]]


def test_ineligible_items_make_room_before_the_cut_and_their_sales_still_count_for_their_department():
    eligible = np.array([False, True, True, True, False, True])

    positions, scores = POPULARITY.top(histories_of([(2, 60)], []), 3, eligible=eligible)

    assert positions.tolist() == [[1, 5, 3], [5, 1, 3]]
    assert scores[0] == pytest.approx([0.4 * 65 / 80, 0.2 * 15 / 80, 0.1 * 15 / 80])


def test_if_nothing_that_has_sold_may_be_listed_nothing_is():
    assert POPULARITY.top(histories_of([(2, 60)]), 2, eligible=POPULARITY.sales == 0)[0].tolist() == [[-1, -1]]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 200), st.integers(1, 4))
def test_it_answers_like_scoring_every_item_for_every_user(seed, k, block, piece):
    generator = np.random.default_rng(seed)
    n, items = 4, 30
    departments = generator.integers(-1, 4, items).astype(np.int32)
    sales = generator.integers(0, 5, items).astype(np.float32)
    bought = generator.integers(0, 4, (n, items)) * (generator.random((n, items)) < 0.3)
    excluded = [np.flatnonzero(generator.random(items) < 0.3) for _ in range(n)]
    eligible = generator.random(items) < 0.8
    histories = histories_of(*([(int(item), int(row[item])) for item in np.flatnonzero(row)] for row in bought))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.sources.garment_groups, "SCORES_PER_BLOCK", block)
        patch.setattr(candidates.sources.garment_groups, "ITEMS_PER_PIECE", piece)
        popularity = GarmentGroupPopularity(departments, sales)
        positions, scores = popularity.top(histories, k, ItemLists.from_lists(excluded), eligible=eligible)

    sales = sales.astype(np.float64)
    for user in range(n):
        expected = []
        for item in set(np.flatnonzero((sales > 0) & eligible).tolist()) - set(excluded[user].tolist()):
            same = departments == departments[item]
            share = bought[user][same].sum() + 20 * sales[same].sum() / sales.sum()
            share /= bought[user].sum() + 20
            expected.append((-np.float32(share * (sales[item] / sales[same].sum())), item))
        expected = sorted(expected)[:k]
        assert positions[user].tolist() == [item for _, item in expected] + [-1] * (k - len(expected))
        assert scores[user, : len(expected)].tolist() == [-score for score, _ in expected]


def test_nothing_is_changed():
    departments, sales = POPULARITY.departments.copy(), POPULARITY.sales.copy()
    histories = histories_of([(2, 60)])

    POPULARITY.top(histories, 3, ItemLists.from_lists([np.array([1])]))

    assert (POPULARITY.departments == departments).all()
    assert (POPULARITY.sales == sales).all()
    assert (histories.positions.tolist(), histories.counts.tolist()) == ([2], [60])


@pytest.mark.parametrize(
    ("departments", "sales", "message"),
    [
        ([0, 1], [1], r"\(2,\) and \(1,\)"),
        ([-2, 1], [1, 1], "codes from 0"),
        ([0, 1], [1, -1], "at least 0"),
        ([0, 1], [1, np.nan], "finite"),
    ],
)
def test_departments_and_sales_of_the_wrong_form_are_refused(departments, sales, message):
    with pytest.raises(ValueError, match=message):
        GarmentGroupPopularity(np.array(departments, np.int32), np.array(sales, np.float32))


def test_wrong_dtypes_and_questions_are_refused():
    with pytest.raises(ValueError, match="not int64 and float32"):
        GarmentGroupPopularity(np.array([0]), np.ones(1, np.float32))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        POPULARITY.top(histories_of([]), 0)
    with pytest.raises(ValueError, match="below 6, not 6"):
        POPULARITY.top(histories_of([(6, 1)]), 1)
