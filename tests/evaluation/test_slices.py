import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.sources.popularity import PopularityList
from evaluation.metrics import Hits
from evaluation.slices import (
    SalesDeciles,
    activity_groups,
    activity_slice,
    cold_users_slice,
    decile_slice,
    item_slice,
)


def test_users_are_grouped_by_quartiles_of_their_purchases():
    groups = activity_groups(np.array([8, 1, 2, 0, 3, 4, 5, 6, 1_200]), seed=0)

    assert [(group.name, group.users.tolist()) for group in groups] == [
        ("cold users", [3]),
        ("1-2 purchases", [1, 2]),
        ("3-4 purchases", [4, 5]),
        ("5-6 purchases", [6, 7]),
        ("7-1,200 purchases", [0, 8]),
    ]


def test_users_with_equal_numbers_of_purchases_are_in_one_group():
    groups = activity_groups(np.array([1, 1, 1, 1, 1, 2, 2, 9]), seed=0)

    assert [(group.name, len(group.users)) for group in groups] == [
        ("1 purchase", 5),
        ("2 purchases", 2),
        ("3-9 purchases", 1),
    ]


def test_the_bounds_of_groups_are_observed_numbers():
    groups = activity_groups(np.array([1, 1, 10, 10]), seed=0)

    assert [(group.name, len(group.users)) for group in groups] == [("1 purchase", 2), ("2-10 purchases", 2)]


def test_all_users_may_be_cold():
    assert [group.name for group in activity_groups(np.zeros(3, np.int64), seed=0)] == ["cold users"]


def test_each_group_has_a_mean_and_an_interval():
    groups = activity_groups(np.array([0, 5, 0, 5]), seed=0)

    rows = activity_slice(groups, np.array([0.25, 1.0, 0.25, 1.0]))

    assert rows == [
        {"name": "cold users", "users": 2, "recall": [0.25, 0.25, 0.25]},
        {"name": "5 purchases", "users": 2, "recall": [1.0, 1.0, 1.0]},
    ]


def test_each_decile_holds_a_tenth_of_the_units_sold():
    # 100 units: item 3 sold 10, items 0 and 1 sold 5 each, and eighty items one each; two items never sold.
    sold = np.array([5, 5, 0, 10, *[1] * 80, 0])

    deciles = SalesDeciles.from_counts(sold).deciles

    assert deciles[[3, 0, 1]].tolist() == [1, 2, 2]
    assert np.bincount(deciles).tolist() == [2, 1, 2, 10, 10, 10, 10, 10, 10, 10, 10]


def test_an_item_across_a_bound_is_in_the_decile_of_its_first_unit():
    # The bestseller has the first six of ten units: the deciles 2 to 6 are empty.
    assert SalesDeciles.from_counts(np.array([1, 6, 1, 1, 1])).deciles.tolist() == [7, 1, 8, 9, 10]


def test_items_with_equal_sales_are_ordered_by_position():
    assert SalesDeciles.from_counts(np.array([1, 1])).deciles.tolist() == [1, 6]


def test_a_catalogue_without_sales_has_no_deciles():
    assert SalesDeciles.from_counts(np.zeros(3, np.int64)).deciles.tolist() == [0, 0, 0]


# Two users. Items 0 and 1 sold nine units and one, item 2 none; item 7 was added to the catalogue later.
SOLD = np.array([9, 1, 0])
HITS = Hits.of(np.array([[0, 2], [0, 1]], np.int32), ItemLists.from_lists([np.array([0, 1, 2]), np.array([0, 1, 7])]))


def test_recall_of_items_without_sales_is_computed_over_the_purchases_of_all_users():
    assert item_slice(HITS, SalesDeciles.from_counts(SOLD), 2) == [
        {"name": "never sold before", "relevant": 2, "recall": 1 / 2},  # 2 is found, 7 is not
        {"name": "sold before", "relevant": 4, "recall": 3 / 4},
    ]


def test_a_kind_of_item_without_purchases_has_no_recall():
    rows = item_slice(HITS, SalesDeciles.from_counts(np.array([9, 1, 1, 0, 0, 0, 0, 1])), 2)

    assert rows[0] == {"name": "never sold before", "relevant": 0, "recall": None}


def test_recall_of_deciles_is_hits_over_relevant_items():
    rows = decile_slice(HITS, SalesDeciles.from_counts(SOLD), 2)

    assert [row["decile"] for row in rows] == list(range(1, 11))
    assert rows[0] == {"decile": 1, "relevant": 2, "recall": 1.0}
    assert rows[9] == {"decile": 10, "relevant": 2, "recall": 0.5}
    assert rows[4] == {"decile": 5, "relevant": 0, "recall": None}


def test_slices_use_the_first_k_candidates_only():
    assert decile_slice(HITS, SalesDeciles.from_counts(SOLD), 1)[9]["recall"] == 0
    with pytest.raises(ValueError, match="at least 1"):
        item_slice(HITS, SalesDeciles.from_counts(SOLD), 0)


def test_cold_users_are_evaluated_on_the_popularity_ranking():
    popularity = PopularityList.from_counts(np.array([5, 0, 9, 7]))  # 2, 3, 0, 1
    bought = ItemLists.from_lists([np.array([2, 3]), np.array([2, 1]), np.array([0]), np.array([9])])

    cold = cold_users_slice(popularity, bought, k=2, seed=0)

    # Recall 1, 1/2, 0, and 0: item 9 was not in the catalogue yet.
    mean, low, high = cold["recall"]
    assert (cold["users"], mean) == (4, 0.375)
    assert 0 <= low < mean < high <= 1


def test_without_cold_users_there_is_no_recall():
    popularity = PopularityList.from_counts(np.array([1]))

    assert cold_users_slice(popularity, ItemLists.from_lists([]), k=1, seed=0) == {"users": 0, "recall": None}
