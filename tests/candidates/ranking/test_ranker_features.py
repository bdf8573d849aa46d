import time
from dataclasses import replace

import numpy as np
import pytest

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.ranking.context import ItemFeatures, UserFeatures
from candidates.ranking.pair_counts import PairCounts
from candidates.ranking.ranker_features import PairFeatures, feature_names, feature_origins, pair_features

SOURCES = ("two_tower", "popularity")
NOTHING = np.nan
LOG = np.log


def counts_of(lists, counts, width):
    """Counts of the codes of each user, one row for each code."""
    codes = ItemLists.from_lists([np.array(own, np.int32) for own in lists])
    return PairCounts(codes, np.array(counts, np.float32), width)


@pytest.fixture
def items():
    """Three items; of two kinds the first two have the same word, and the third kind has none."""
    return ItemFeatures(
        ids=np.array(["a", "b", "c"]),
        log_sales=np.array([[1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]], np.float32),
        repeat_share=np.array([0.5, 0, 0.25], np.float32),
        log_price=np.array([2, NOTHING, 5], np.float32),
        words=np.array([[0, 2, -1], [0, 2, -1], [1, 2, -1]], np.int32),
        word_shares=np.array([[0.25, 1, NOTHING], [0.25, 1, NOTHING], [0.75, 1, NOTHING]], np.float32),
        vocabulary=({"hat": 0, "shoe": 1}, {"wear": 2}, {}),
    )


@pytest.fixture
def users():
    """The first user has bought five hats and a shoe, on three days; the second nothing; the third one shoe."""
    return UserFeatures(
        purchases=np.array([[1, 2, 6], [0, 0, 0], [0, 0, 1]], np.float32),
        visits=np.array([3, 0, 1], np.float32),
        log_price=np.array([3, NOTHING, NOTHING], np.float32),
        tastes=counts_of([[0, 1, 2], [], [1, 2]], [[5], [1], [6], [1], [1]], 3),
        lately=counts_of([[0, 1], [], [1]], [[2, 4], [1, 1], [1, 1]], 3),
        lately_codes={"a": 0, "c": 1},
    )


@pytest.fixture
def histories():
    return Histories(
        ItemLists(np.array([0, 2, 2, 3]), np.array([2, 0, 2], np.int32)), np.array([1, 5, 1], np.float32),
        np.array([0, 9, 0], np.float32),
    )  # fmt: skip


@pytest.fixture
def blended():
    return BlendedLists(
        SOURCES,
        np.array([[1, 0, -1], [0, 1, 2], [2, -1, -1]], np.int32),
        np.array([[-1, -2, -np.inf], [9, 8, 7], [-3, -np.inf, -np.inf]], np.float32),
        np.array([[[1, 0], [4, 2], [0, 0]], [[0, 1], [0, 2], [0, 3]], [[7, 0], [0, 0], [0, 0]]], np.int32),
        np.array([[[0.5, 0], [0.25, 6], [0, 0]], [[0, 9], [0, 8], [0, 7]], [[0.125, 0], [0, 0], [0, 0]]], np.float32),
    )


def of_pair(pairs, pair):
    return dict(zip(pairs.names, pairs.matrix[pair].tolist(), strict=True))


def test_every_candidate_is_a_pair_in_the_order_of_its_list_but_for_users_without_history(
    blended, histories, users, items
):
    pairs = pair_features(blended, histories, users, items)

    assert pairs.users == 3
    assert pairs.rows.tolist() == [0, 0, 2]
    assert pairs.positions.tolist() == [1, 0, 2]
    assert pairs.matrix.dtype == np.float32
    assert pairs.matrix.shape == (3, len(feature_names(SOURCES))) == (3, 33)


def test_what_retrieval_said_of_a_candidate(blended, histories, users, items):
    told = of_pair(pair_features(blended, histories, users, items), 0)

    assert (told["fused score"], told["fused rank"]) == (-1, 1)
    assert told["rank by two_tower"] == 1
    assert np.isnan(told["rank by popularity"])  # it does not list it
    assert (told["score by two_tower"], told["score by popularity"]) == (0.5, 0)
    assert of_pair(pair_features(blended, histories, users, items), 1)["rank by popularity"] == 2


def test_what_the_user_did_with_a_candidate_and_with_its_kinds(blended, histories, users, items):
    pairs = pair_features(blended, histories, users, items)

    bought, never = of_pair(pairs, 1), of_pair(pairs, 0)
    assert (bought["purchases of the item"], bought["days before the user's last purchase"]) == (5, 9)
    assert bought["purchases of the item per visit"] == pytest.approx(5 / 3)
    assert (never["purchases of the item"], never["purchases of the item per visit"]) == (0, 0)
    assert np.isnan(never["days before the user's last purchase"])
    names = ("purchases of the item in 28 days", "purchases of the item in 91 days")
    assert [[pair[name] for name in names] for pair in (bought, never)] == [[2, 4], [0, 0]]
    # Five of six purchases are hats, which are a quarter of what is sold.
    assert never["purchases of the product_type"] == 5
    assert never["share of the product_type in the user's purchases"] == pytest.approx(5 / 6)
    assert never["log lift of the product_type"] == pytest.approx(LOG((5 + 2.5) / (6 + 10) / 0.25))
    assert never["log lift of the garment_group"] == pytest.approx(0, abs=1e-6)  # all wear, as everybody
    assert np.isnan(never["log lift of the department"])


def test_what_a_candidate_sells_and_costs(blended, histories, users, items):
    pairs = pair_features(blended, histories, users, items)

    cheap, unpriced = of_pair(pairs, 1), of_pair(pairs, 0)
    assert [cheap[f"log sales_{window}"] for window in ("1d", "7d", "28d", "total")] == [1, 2, 3, 4]
    assert cheap["share of repeated purchases"] == 0.5
    assert (cheap["log price"], cheap["log price to the user's"]) == (2, -1)
    assert cheap["distance of log price to the user's"] == 1
    assert np.isnan([unpriced["log price"], unpriced["log price to the user's"]]).all()
    assert np.isnan(of_pair(pairs, 2)["log price to the user's"])  # this user's price is not known


def test_what_the_user_does_is_the_same_for_all_his_candidates(blended, histories, users, items):
    pairs = pair_features(blended, histories, users, items)

    names = [name for name in pairs.names if name.startswith("user's")] + [pairs.names[-1]]
    told = [[of_pair(pairs, pair)[name] for name in names] for pair in range(3)]
    assert names[-1] == "share of distinct items in the user's purchases"
    assert told[0] == told[1] == [1, 2, 6, 3, pytest.approx(2 / 6)]
    assert told[2] == [0, 0, 1, 1, 1]


def test_no_feature_is_an_id_and_none_is_endless(blended, histories, users, items):
    pairs = pair_features(blended, histories, users, items)

    assert len(set(pairs.names)) == len(pairs.names)
    assert not np.isinf(pairs.matrix).any()


def test_a_user_alone_has_the_features_he_has_among_others(blended, histories, users, items):
    whole = pair_features(blended, histories, users, items)
    alone = replace(
        users, purchases=users.purchases[2:], visits=users.visits[2:], log_price=users.log_price[2:],
        tastes=counts_of([[1, 2]], users.tastes.counts[3:], 3),
        lately=counts_of([[1]], users.lately.counts[2:], 3),
    )  # fmt: skip

    told = pair_features(blended.slice(2, 3), histories.slice(2, 3), alone, items)

    assert told.rows.tolist() == [0]
    assert np.array_equal(told.matrix, whole.matrix[2:], equal_nan=True)


def test_parts_are_put_together_and_taken_apart(blended, histories, users, items):
    pairs = pair_features(blended, histories, users, items)

    both = PairFeatures.together([pairs, pairs])
    assert both.users == 6
    assert both.rows.tolist() == [0, 0, 2, 3, 3, 5]
    part = both.take(np.array([1, 2, 3]))
    assert (part.users, part.rows.tolist(), part.positions.tolist()) == (3, [1, 2, 2], [2, 1, 0])
    assert np.array_equal(part.matrix, both.matrix[2:5], equal_nan=True)
    with pytest.raises(ValueError, match="same sources"):
        PairFeatures.together([pairs, replace(pairs, sources=("two_tower",))])


def test_users_items_and_words_must_be_the_same_throughout(blended, histories, users, items):
    with pytest.raises(ValueError, match="same users, not of 2, 3 and 3"):
        pair_features(blended.slice(0, 2), histories, users, items)
    with pytest.raises(ValueError, match="the catalogue, 3, not of others, 4"):
        pair_features(blended, histories, replace(users, tastes=replace(users.tastes, width=4)), items)
    fewer = replace(items, log_price=items.log_price[:2])
    with pytest.raises(ValueError, match="below 2"):
        pair_features(blended, histories, users, fewer)


def test_three_hundred_candidates_of_one_user_take_a_few_milliseconds(items):
    sources = tuple(f"source {number}" for number in range(9))
    generator = np.random.default_rng(1)
    catalogue = replace(
        items, **{name: np.resize(getattr(items, name), (5_000, *getattr(items, name).shape[1:]))
                  for name in ("ids", "log_sales", "repeat_share", "log_price", "words", "word_shares")}
    )  # fmt: skip
    blended = BlendedLists(
        sources, generator.permutation(5_000)[None, :300].astype(np.int32), np.ones((1, 300), np.float32),
        np.ones((1, 300, 9), np.int32), np.ones((1, 300, 9), np.float32),
    )  # fmt: skip
    bought = np.sort(generator.permutation(5_000)[:500]).astype(np.int32)
    histories = Histories(ItemLists.from_lists([bought]), np.ones(500, np.float32), np.zeros(500, np.float32))
    one = np.ones(1, np.float32)
    tastes = counts_of([range(3)], np.ones((3, 1)), 3)
    lately = counts_of([range(500)], np.ones((500, 2)), 501)
    codes = {f"{number}": number for number in range(500)}
    user = UserFeatures(np.ones((1, 3), np.float32), one, one, tastes, lately, codes)
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        assert len(pair_features(blended, histories, user, catalogue).rows) == 300
        taken.append(time.perf_counter() - start)

    assert sorted(taken)[10] < 0.02  # about 0.4 ms alone on a core; a busy machine is given time


def test_every_feature_comes_of_one_origin():
    origins = feature_origins(SOURCES)

    assert list(origins) == ["retrieval", "history", "tastes", "item sales", "prices", "user"]
    assert [name for names in origins.values() for name in names] == [*feature_names(SOURCES)]
    assert len(set(feature_names(SOURCES))) == len(feature_names(SOURCES))
    assert origins["retrieval"] == (
        *("fused score", "fused rank", "rank by two_tower", "rank by popularity"),
        *("score by two_tower", "score by popularity"),
    )
    assert origins["prices"] == ("log price", "log price to the user's", "distance of log price to the user's")
