import numpy as np
import pyarrow as pa
import pytest

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from evaluation.implicit_als import ImplicitAls, available

CUT = np.datetime64("2020-09-16", "us")
installed = pytest.mark.skipif(not available(), reason="implicit is not installed")


@pytest.fixture
def checkerboard():
    """Even users buy all even items except their own number, odd users all odd items except theirs."""
    users, items = np.array(
        [(user, item) for user in range(8) for item in range(8) if (user + item) % 2 == 0 and user != item], np.int32
    ).T
    return PurchaseCodes(users.copy(), items.copy(), np.full(len(users), CUT - np.timedelta64(1, "D")))


def test_users_without_a_vector_have_empty_lists():
    factors = ImplicitAls(
        np.array([[0, 0], [0, 1]], np.float32), ItemIndex(pa.array(["0", "1"]), np.eye(2, dtype=np.float32))
    )

    positions, scores = factors.top(2, ItemLists.from_lists([np.array([], np.int64), np.array([1])]))

    assert positions.tolist() == [[-1, -1], [0, -1]]
    assert scores.tolist() == [[-np.inf, -np.inf], [0, -np.inf]]


@installed
def test_the_missing_square_of_a_checkerboard_is_ranked_first(checkerboard):
    users = np.array([3, 9, 0], np.int32)
    bought = ItemLists.from_lists([np.array([1, 5, 7]), np.array([], np.int64), np.array([2, 4, 6])])

    model = ImplicitAls.fit(checkerboard, CUT, users, 8, factors=4, regularization=0.1)

    assert model.top(1, bought)[0].tolist() == [[3], [-1], [0]]


@installed
def test_a_fit_is_reproducible_and_ignores_purchases_from_the_cut_on(checkerboard):
    users = np.arange(8, dtype=np.int32)
    with_future = PurchaseCodes(
        np.append(checkerboard.user_codes, np.int32(1)),
        np.append(checkerboard.item_positions, np.int32(0)),
        np.append(checkerboard.purchased_at, CUT),
    )

    first, second = (ImplicitAls.fit(rows, CUT, users, 8, factors=4) for rows in (checkerboard, with_future))

    assert first.users.tolist() == second.users.tolist()
    assert first.items.vectors.tolist() == second.items.vectors.tolist()
