from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from fixtures import ranking_reference as reference
from fixtures.ranking_worlds import random_world
from hypothesis import given
from hypothesis import strategies as st

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.ranking.pair_counts import PairCounts
from candidates.ranking.ranker_features import PairFeatures, build_pair_features, feature_groups, feature_names
from candidates.ranking.user_neighbours import UserNeighbours
from candidates.text_codes import TextCodes

SOURCES = ("two_tower", "popularity")


def counts_of(lists, counts, width):
    """Counts of the codes of each user, one row for each code."""
    codes = ItemLists.from_lists([np.array(own, np.int32) for own in lists])
    return PairCounts(codes, np.array(counts, np.float32), width)


@pytest.fixture
def items():
    """Three items; the first two are of equal categories, and no item has a department."""
    return ItemFeatures(
        item_codes=TextCodes.from_texts(pa.array(["a", "b", "c"])),
        log_sales=np.array([[1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]], np.float32),
        repurchase_rate=np.array([0.5, 0, 0.25], np.float32),
        log_price=np.array([2, np.nan, 5], np.float32),
        categories=np.array([[0, 0, 1], [0, 0, 0], [-1, -1, -1]], np.int32),
        category_shares=np.array([[0.25, 0.25, 0.75], [1, 1, 1], [np.nan] * 3], np.float32),
        vocabularies=tuple(
            TextCodes.from_texts(pa.array(names, pa.string())) for names in (["hat", "shoe"], ["wear"], [])
        ),
    )


@pytest.fixture
def users():
    """The first user has bought five hats and a shoe on three days, the second nothing, the third one shoe."""
    return UserFeatures(
        purchases=np.array([[1, 2, 6], [0, 0, 0], [0, 0, 1]], np.float32),
        active_days=np.array([3, 0, 1], np.float32),
        days_since_last_purchase=np.array([0.5, np.nan, 3], np.float32),
        log_price=np.array([3, np.nan, np.nan], np.float32),
        category_counts=(
            counts_of([[0, 1], [], [1]], [[5], [1], [1]], 2),
            counts_of([[0], [], [0]], [[6], [1]], 1),
            counts_of([[], [], []], np.zeros((0, 1)), 0),
        ),
        recent_item_counts=counts_of([[0, 2], [], [2]], [[2, 4], [1, 1], [1, 1]], 3),
    )


@pytest.fixture
def histories():
    return Histories(
        ItemLists(np.array([0, 2, 2, 3]), np.array([2, 0, 2], np.int32)), np.array([1, 5, 1], np.float32),
        np.array([0, 9, 0], np.float32), np.array([0, 4, 0], np.float32),
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


@pytest.fixture
def neighbours(histories):
    return UserNeighbours.from_histories(histories, 3)


def features_of(pairs, pair):
    return dict(zip(pairs.feature_names, pairs.matrix[pair].tolist(), strict=True))


def test_pairs_are_the_candidates_in_list_order_without_those_of_cold_users(
    blended, histories, users, items, neighbours
):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    assert pairs.list_count == 3
    assert pairs.rows.tolist() == [0, 0, 2]
    assert pairs.positions.tolist() == [1, 0, 2]
    assert pairs.matrix.dtype == np.float32
    assert pairs.matrix.shape == (3, len(feature_names(SOURCES))) == (3, 38)


def test_retrieval_features(blended, histories, users, items, neighbours):
    features = features_of(build_pair_features(blended, histories, users, items, neighbours), 0)

    assert (features["blender_score"], features["blender_rank"]) == (-1, 1)
    assert features["two_tower_rank"] == 1
    assert np.isnan(features["popularity_rank"])  # not on this source's list
    assert (features["two_tower_score"], features["popularity_score"]) == (0.5, 0)
    assert features_of(build_pair_features(blended, histories, users, items, neighbours), 1)["popularity_rank"] == 2


def test_purchase_history_and_category_affinity(blended, histories, users, items, neighbours):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    bought, new = features_of(pairs, 1), features_of(pairs, 0)
    assert (bought["item_purchases"], bought["item_days_before_last_purchase"]) == (5, 9)
    assert bought["item_purchases_per_active_day"] == pytest.approx(5 / 3)
    assert (new["item_purchases"], new["item_purchases_per_active_day"]) == (0, 0)
    assert np.isnan(new["item_days_before_last_purchase"])
    names = ("item_days_between_purchases", "item_days_since_purchase", "item_days_since_purchase_over_gap")
    assert [bought[name] for name in names] == [4, 9.5, 9.5 / 4]
    assert np.isnan([new[name] for name in names]).all()
    once = features_of(pairs, 2)  # the third user bought the item on one day: it has no gap
    assert np.isnan([once[name] for name in names]).tolist() == [True, False, True]
    assert once["item_days_since_purchase"] == 3
    names = ("item_purchases_28d", "item_purchases_91d")
    assert [[pair[name] for name in names] for pair in (bought, new)] == [[2, 4], [0, 0]]
    # Five of six purchases are hats, which have a quarter of the sales.
    assert new["product_type_purchases"] == 5
    assert new["product_type_purchase_share"] == pytest.approx(5 / 6)
    assert new["product_type_log_lift"] == pytest.approx(np.log((5 + 2.5) / (6 + 10) / 0.25))
    assert new["garment_group_log_lift"] == pytest.approx(0, abs=1e-6)  # all purchases and all sales are wear
    assert np.isnan(new["department_log_lift"])


def test_sales_and_prices(blended, histories, users, items, neighbours):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    cheap, unpriced = features_of(pairs, 1), features_of(pairs, 0)
    assert [cheap[f"log_sales_{window}"] for window in ("1d", "7d", "28d", "total")] == [1, 2, 3, 4]
    assert cheap["repurchase_rate"] == 0.5
    assert (cheap["log_price"], cheap["log_price_difference"]) == (2, -1)
    assert cheap["abs_log_price_difference"] == 1
    assert np.isnan([unpriced["log_price"], unpriced["log_price_difference"]]).all()
    assert np.isnan(features_of(pairs, 2)["log_price_difference"])  # the user's price is unknown


def test_the_neighbour_score_is_the_mean_weight_of_the_neighbours(blended, histories, users, items, neighbours):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    # The first and the third user have bought item 2, and only the first has bought item 0.
    first = np.array([np.log(2), np.log(6) * 0.5 ** (9 / 90)]) / np.hypot(np.log(2), np.log(6) * 0.5 ** (9 / 90))
    assert features_of(pairs, 1)["neighbour_score"] == pytest.approx(first[1] / (1 + first[0]), rel=1e-6)
    assert features_of(pairs, 2)["neighbour_score"] == pytest.approx((1 + first[0] ** 2) / (1 + first[0]), rel=1e-6)
    assert features_of(pairs, 0)["neighbour_score"] == 0


def test_user_activity_is_equal_for_all_candidates_of_a_user(blended, histories, users, items, neighbours):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    activity = [
        [features_of(pairs, pair)[name] for name in feature_groups(SOURCES)["user activity"]] for pair in range(3)
    ]
    assert activity[0] == activity[1] == [1, 2, 6, 3, pytest.approx(2 / 6), 0.5]
    assert activity[2] == [0, 0, 1, 1, 1, 3]


def test_features_have_distinct_names_and_finite_values(blended, histories, users, items, neighbours):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    assert len(set(pairs.feature_names)) == len(pairs.feature_names)
    assert not np.isinf(pairs.matrix).any()


def test_features_do_not_depend_on_the_other_users(blended, histories, users, items, neighbours):
    whole = build_pair_features(blended, histories, users, items, neighbours)
    alone = replace(
        users, purchases=users.purchases[2:], active_days=users.active_days[2:], log_price=users.log_price[2:],
        days_since_last_purchase=users.days_since_last_purchase[2:],
        category_counts=(counts_of([[1]], [[1]], 2), counts_of([[0]], [[1]], 1), counts_of([[]], np.zeros((0, 1)), 0)),
        recent_item_counts=counts_of([[2]], users.recent_item_counts.counts[2:], 3),
    )  # fmt: skip

    pairs = build_pair_features(blended.slice(2, 3), histories.slice(2, 3), alone, items, neighbours)

    assert pairs.rows.tolist() == [0]
    assert np.array_equal(pairs.matrix, whole.matrix[2:], equal_nan=True)


def test_pairs_can_be_concatenated_and_taken_by_list(blended, histories, users, items, neighbours):
    pairs = build_pair_features(blended, histories, users, items, neighbours)

    both = PairFeatures.concat([pairs, pairs])
    assert both.list_count == 6
    assert both.rows.tolist() == [0, 0, 2, 3, 3, 5]
    part = both.take(np.array([1, 2, 3]))
    assert (part.list_count, part.rows.tolist(), part.positions.tolist()) == (3, [1, 2, 2], [2, 1, 0])
    assert np.array_equal(part.matrix, both.matrix[2:5], equal_nan=True)
    with pytest.raises(ValueError, match="same sources"):
        PairFeatures.concat([pairs, replace(pairs, sources=("two_tower",))])


def test_users_items_and_categories_must_match(blended, histories, users, items, neighbours):
    with pytest.raises(ValueError, match="same users, not of 2, 3 and 3"):
        build_pair_features(blended.slice(0, 2), histories, users, items, neighbours)
    types, groups, departments = users.category_counts
    swapped = replace(users, category_counts=(groups, types, departments))
    with pytest.raises(ValueError, match=r"\(2, 1, 0\) category codes of the catalogue, not \(1, 2, 0\)"):
        build_pair_features(blended, histories, swapped, items, neighbours)
    fewer = replace(items, log_price=items.log_price[:2])
    with pytest.raises(ValueError, match="below 2"):
        build_pair_features(blended, histories, users, fewer, neighbours)
    with pytest.raises(ValueError, match="Neighbours must be of 3 items, not of 4"):
        build_pair_features(blended, histories, users, items, UserNeighbours.from_histories(histories, 4))


@given(st.integers(0, 2**32 - 1))
def test_features_equal_the_reference_to_the_last_bit(seed):
    world = random_world(seed)
    items = ItemFeatures.from_table(world.items, TextCodes.from_texts(world.items["item_id"]))

    neighbours = UserNeighbours.from_histories(world.histories, len(items))
    users = UserFeatures.from_table(world.users, items)

    pairs = build_pair_features(world.blended, world.histories, users, items, neighbours)

    rows, positions, matrix = reference.pair_features(world.blended, world.history_entries, world.users, world.items)
    assert np.array_equal(pairs.rows, rows)
    assert np.array_equal(pairs.positions, positions)
    for name, column, expected in zip(pairs.feature_names, pairs.matrix.T, matrix.T, strict=True):
        np.testing.assert_array_equal(column, expected, err_msg=name)


def test_features_do_not_depend_on_the_parts_in_which_they_are_computed(monkeypatch):
    world = random_world(7)
    items = ItemFeatures.from_table(world.items, TextCodes.from_texts(world.items["item_id"]))
    users = UserFeatures.from_table(world.users, items)
    neighbours = UserNeighbours.from_histories(world.histories, len(items))
    whole = build_pair_features(world.blended, world.histories, users, items, neighbours)
    monkeypatch.setattr("candidates.ranking.ranker_features._PAIRS_PER_PART", 3)

    pairs = build_pair_features(world.blended, world.histories, users, items, neighbours)

    assert len(whole.rows) > 9
    assert np.array_equal(pairs.matrix, whole.matrix, equal_nan=True)


def test_every_feature_belongs_to_one_group():
    groups = feature_groups(SOURCES)

    assert list(groups) == [
        "retrieval",
        "purchase history",
        "category affinity",
        "similar users",
        "item sales",
        "price",
        "user activity",
    ]
    assert [name for names in groups.values() for name in names] == [*feature_names(SOURCES)]
    assert len(set(feature_names(SOURCES))) == len(feature_names(SOURCES))
    assert groups["retrieval"] == (
        *("blender_score", "blender_rank", "two_tower_rank", "popularity_rank"),
        *("two_tower_score", "popularity_score"),
    )
    assert groups["price"] == ("log_price", "log_price_difference", "abs_log_price_difference")
