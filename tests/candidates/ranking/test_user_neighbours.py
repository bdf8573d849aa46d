import itertools

import numpy as np
import pytest
from fixtures import ranking_reference as reference
from hypothesis import given
from hypothesis import strategies as st

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.ranking import user_neighbours
from candidates.ranking.user_neighbours import UserNeighbours
from features.errors import InputError

CUT = np.datetime64("2020-03-01T00:00:00", "us")


def purchases(*rows):
    """Purchases of (user, item, day before the cut)."""
    users, items, days = np.array(rows).T
    return PurchaseCodes(users.astype(np.int32), items.astype(np.int32), CUT - days.astype("timedelta64[D]"))


def histories_of(past, users):
    return Histories.from_purchases(past, CUT, np.array(users, np.int32))


def score(neighbours, histories, pairs):
    rows, positions = np.array(pairs).T
    return neighbours.score(histories, rows.astype(np.int64), positions.astype(np.int32)).tolist()


@st.composite
def worlds(draw):
    """Purchases of up to 12 users and 8 items, and pairs of users and candidates."""
    row = st.tuples(st.integers(0, 11), st.integers(0, 7), st.integers(1, 400))
    rows = draw(st.lists(row, min_size=1, max_size=60))
    pairs = draw(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 7)), min_size=1, max_size=30))
    return purchases(*rows), np.array(sorted(pairs))


@given(worlds(), st.integers(1, 12))
def test_scores_equal_the_reference_to_the_last_bit(world, most):
    past, pairs = world
    histories = histories_of(past, range(12))
    entries = [*zip(histories.positions.tolist(), histories.counts.tolist(), histories.days.tolist(), strict=True)]
    own = [entries[start:stop] for start, stop in itertools.pairwise(histories.bought.offsets)]
    buyers = [history for history in own if history]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(user_neighbours, "NEIGHBOURS", most)
        found = UserNeighbours.fit(past, CUT, 8).score(histories, pairs[:, 0], pairs[:, 1].astype(np.int32))

    assert np.array_equal(found, reference.neighbour_scores(buyers, own, *pairs.T, most))


@given(worlds())
def test_a_score_does_not_depend_on_the_other_users_of_the_request(world):
    past, pairs = world
    neighbours, histories = UserNeighbours.fit(past, CUT, 8), histories_of(past, range(12))
    rows, positions = pairs[:, 0], pairs[:, 1].astype(np.int32)
    together = neighbours.score(histories, rows, positions)

    alone = [
        neighbours.score(
            histories.slice(user, user + 1), np.zeros((rows == user).sum(), np.int64), positions[rows == user]
        )
        for user in range(12)
    ]

    assert np.array_equal(np.concatenate(alone), together)


def test_what_similar_users_bought_scores_higher():
    past = purchases((0, 0, 9), (0, 1, 9), (1, 0, 8), (1, 1, 8), (1, 2, 8), (2, 3, 5), (3, 3, 2), (3, 4, 2))

    similar, other = score(UserNeighbours.fit(past, CUT, 5), histories_of(past, [0]), [(0, 2), (0, 4)])

    assert similar > 0
    assert other == 0


def test_purchases_from_the_cut_on_change_nothing():
    past = purchases((0, 0, 9), (1, 0, 8), (1, 1, 8))
    later = purchases((0, 0, 9), (1, 0, 8), (1, 1, 8), (0, 1, 0), (1, 2, -3))

    one, other = (UserNeighbours.fit(each, CUT, 3) for each in (past, later))

    assert np.array_equal(one.bought.positions, other.bought.positions)
    assert np.array_equal(one.weights, other.weights)


def test_the_users_who_bought_last_are_kept(monkeypatch):
    monkeypatch.setattr(user_neighbours, "MAX_USERS", 2)
    past = purchases((0, 0, 3), (1, 1, 40), (2, 2, 1), (1, 1, 20))

    neighbours = UserNeighbours.fit(past, CUT, 3)

    assert [neighbours.bought.positions.tolist(), len(neighbours)] == [[0, 2], 2]


def test_of_a_long_history_the_newest_items_count(monkeypatch):
    monkeypatch.setattr(user_neighbours, "MAX_ITEMS", 2)
    past = purchases((0, 0, 3), (0, 1, 2), (0, 2, 1))

    neighbours = UserNeighbours.fit(past, CUT, 3)

    assert sorted(neighbours.bought.positions.tolist()) == [1, 2]
    assert np.hypot(*neighbours.weights) == pytest.approx(1)


def test_without_users_and_for_users_without_a_history_scores_are_0():
    past = purchases((0, 0, 3))
    empty = UserNeighbours.fit(past.before(CUT - np.timedelta64(9, "D")), CUT, 1)

    assert score(empty, histories_of(past, [0]), [(0, 0)]) == [0]
    assert score(UserNeighbours.fit(past, CUT, 1), histories_of(past, [7]), [(0, 0)]) == [0]


def test_neighbours_are_read_as_they_were_written(tmp_path):
    neighbours = UserNeighbours.fit(purchases((0, 0, 3), (0, 1, 2), (4, 2, 1)), CUT, 3)
    neighbours.write(tmp_path / "neighbours.npz")

    again = UserNeighbours.read(tmp_path / "neighbours.npz", 3)

    for name in ("offsets", "positions"):
        assert np.array_equal(getattr(again.bought, name), getattr(neighbours.bought, name))
    assert np.array_equal(again.weights, neighbours.weights)


@pytest.mark.parametrize("content", [b"", b"no vectors", None])
def test_a_file_without_vectors_is_rejected(tmp_path, content):
    path = tmp_path / "neighbours.npz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match=r"neighbours\.npz does not contain purchases of users .*train again"):
        UserNeighbours.read(path, 3)


@pytest.mark.parametrize(
    ("weights", "items", "message"),
    [
        ([0.6, np.nan], 3, "finite and above 0"),
        ([0.6, 0], 3, "finite and above 0"),
        ([0.6], 3, "one for each purchase"),
        ([0.6, 0.8], 2, "below 2"),
    ],
)
def test_vectors_of_another_form_are_rejected(weights, items, message):
    with pytest.raises(ValueError, match=message):
        UserNeighbours(ItemLists.from_lists([np.array([0, 2])]), np.array(weights, np.float32), items)
