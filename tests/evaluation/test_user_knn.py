import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from evaluation import user_knn
from evaluation.user_knn import Baskets, UserKnn

CUT = np.datetime64("2020-03-01T00:00:00", "us")
METHODS = {
    "cosine": lambda baskets: UserKnn.cosine(baskets, half_life=30.0, neighbours=3, own_weight=0.4),
    "tifu": lambda baskets: UserKnn.tifu(baskets, groups=2, within=0.9, across=0.6, neighbours=3, own_weight=0.7),
    "up_cf": lambda baskets: UserKnn.up_cf(baskets, newest=2, alpha=0.25, locality=2.0),
}


def baskets_of(rows, users, items):
    """Baskets of purchases (user, item, days before the cut)."""
    codes, positions, days = np.array(rows).T
    purchases = PurchaseCodes(codes.astype(np.int32), positions.astype(np.int32), CUT - days.astype("timedelta64[D]"))
    return Baskets.of(purchases, CUT, np.array(users, np.int32), items)


def reference_baskets(rows, user):
    """The baskets of a user, newest first: day before the cut, 0 for the last one, and the set of items."""
    found = {}
    for code, item, day in rows:
        if code == user and day > 0:
            found.setdefault(day - 1, set()).add(item)
    return sorted(found.items())


def vector(items, entries):
    result = np.zeros(items)
    for item, weight in entries:
        result[item] += weight
    return result


def reference_cosine(rows, users, everyone, items):
    vectors = {
        user: vector(
            items, [(item, 0.5 ** (day / 30)) for day, basket in reference_baskets(rows, user) for item in basket]
        )
        for user in everyone
    }
    unit = {user: own / (np.linalg.norm(own) or 1) for user, own in vectors.items()}
    scores = []
    for user in users:
        near = sorted(((-(unit[user] @ unit[other]), other) for other in everyone if other != user), key=lambda x: x[0])
        near = [(-similarity, other) for similarity, other in near[:3] if similarity < 0]
        total = sum(similarity for similarity, _ in near)
        mean = sum((similarity * unit[other] for similarity, other in near), np.zeros(items)) / (total or 1)
        scores.append(0.4 * unit[user] + 0.6 * mean)
    return np.array(scores)


def reference_tifu(rows, users, everyone, items):
    vectors = {}
    for user in everyone:
        baskets = [basket for _, basket in reference_baskets(rows, user)]
        size = -(-len(baskets) // 2)
        groups = [baskets[start : start + size] for start in range(0, len(baskets), max(size, 1))]
        entries = [
            (item, 0.9**number / len(group) * 0.6**age / len(groups))
            for age, group in enumerate(groups)
            for number, basket in enumerate(group)
            for item in basket
        ]
        vectors[user] = vector(items, entries)
    scores = []
    for user in users:
        near = sorted(
            (round(np.sum((vectors[user] - vectors[other]) ** 2), 12), everyone.index(other))
            for other in everyone
            if other != user
        )[:3]
        mean = sum((vectors[everyone[other]] for _, other in near), np.zeros(items)) / (len(near) or 1)
        scores.append(0.7 * vectors[user] + 0.3 * mean)
    return np.array(scores)


def reference_up_cf(rows, users, everyone, items):
    shares, sets = {}, {}
    for user in everyone:
        baskets = [basket for _, basket in reference_baskets(rows, user)]
        newest = baskets[:2]
        shares[user] = vector(items, [(item, 1 / len(newest)) for basket in newest for item in basket])
        sets[user] = set().union(*baskets)
    scores = []
    for user in users:
        total = np.zeros(items)
        weights = 0.0
        for other in everyone:
            both = len(sets[user] & sets[other])
            if both:
                weight = (both / (len(sets[user]) ** 0.25 * len(sets[other]) ** 0.75)) ** 2
                total += weight * shares[other]
                weights += weight
        scores.append(total / (weights or 1))
    return np.array(scores)


REFERENCES = {"cosine": reference_cosine, "tifu": reference_tifu, "up_cf": reference_up_cf}


@pytest.mark.parametrize("method", METHODS)
@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(-3, 90)), min_size=1, max_size=50).filter(
        lambda rows: any(day > 0 for _, _, day in rows)
    )
)
@settings(max_examples=40, deadline=None)
def test_scores_equal_those_of_plain_python(method, rows):
    users = [3, 9, 0]  # 9 has no purchases
    others = sorted({user for user, _, day in rows if day > 0} - set(users))
    everyone = [*users, *others]
    expected = REFERENCES[method](rows, users, everyone, 6)

    positions, scores = METHODS[method](baskets_of(rows, users, 6)).top(6)

    for row in range(3):
        found = np.zeros(6)
        listed = positions[row] >= 0
        found[positions[row][listed]] = scores[row][listed]
        if method == "tifu":  # neighbours of equal distance are another three of them
            continue
        np.testing.assert_allclose(found, expected[row], rtol=1e-5, atol=1e-7)


def test_tifu_of_two_users():
    rows = [(0, 0, 1), (0, 1, 8), (0, 0, 15), (1, 2, 3)]

    positions, scores = UserKnn.tifu(
        baskets_of(rows, [0], 3), groups=2, within=0.5, across=0.25, neighbours=1, own_weight=0.8
    ).top(3)

    # The newest two baskets are one group, the oldest is the other.
    own = {0: (1 / 2 + 0.25) / 2, 1: 0.5 / 2 / 2}
    expected = {0: 0.8 * own[0], 1: 0.8 * own[1], 2: 0.2 * 1}
    assert positions[0].tolist() == [0, 2, 1]
    np.testing.assert_allclose(scores[0], [expected[0], expected[2], expected[1]], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_excluded_items_leave_room_for_the_next(method):
    rows = [(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 2, 4), (1, 3, 4)]
    model = METHODS[method](baskets_of(rows, [0], 4))

    positions, _ = model.top(2, ItemLists.from_lists([np.array([0, 1])]))

    assert sorted(positions[0].tolist()) == [2, 3]


@pytest.mark.parametrize("method", METHODS)
def test_lists_do_not_depend_on_the_size_of_blocks(method, monkeypatch):
    generator = np.random.default_rng(4)
    rows = generator.integers((0, 0, 1), (40, 30, 200), (400, 3)).tolist()
    baskets = baskets_of(rows, range(40), 30)
    whole = METHODS[method](baskets).top(10)
    monkeypatch.setattr(user_knn, "_USERS_PER_BLOCK", 7)

    parts = METHODS[method](baskets).top(10)

    assert np.array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-6)


def test_only_the_users_who_bought_last_can_be_neighbours(monkeypatch):
    monkeypatch.setattr(user_knn, "MAX_USERS", 2)
    rows = [(0, 0, 50), (1, 0, 40), (1, 1, 40), (2, 0, 3), (2, 2, 3)]

    baskets = baskets_of(rows, [0], 3)

    assert len(baskets.counts) == 3  # user 0 of the list, and the last two buyers
    monkeypatch.setattr(user_knn, "MAX_USERS", 1)
    positions, _ = UserKnn.cosine(baskets_of(rows, [0], 3)).top(3)
    assert positions[0].tolist() == [0, 2, -1]
