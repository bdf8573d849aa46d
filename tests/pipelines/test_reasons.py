"""Reasons for candidates, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.purchases import histories_of

from candidates.blender import BlendedLists
from candidates.filters.context import UserContext
from candidates.ranking.reordering import RankedLists
from candidates.sources.item_knn import ItemKnn
from candidates.sources.source_set import SOURCES

BREAD, BUTTER, JAM, SALT = range(4)
NAMES = ["Bread", "Butter", "Jam", "Salt"]
GROUPS = ["Bakery", "Dairy", "", "Spices"]
# Butter and jam are often bought with bread.
KNN = ItemKnn(
    np.array([[BREAD, BUTTER, JAM], [BUTTER, BREAD, -1], [JAM, -1, -1], [SALT, -1, -1]], np.int32),
    np.array([[1, 0.5, 0.25], [1, 0.5, 0], [1, 0, 0], [1, 0, 0]], np.float32),
)


def explained(history, candidates, *, days_since_last=2.0, session=False):
    """The reasons for candidates of one user, each an item and the sources that list it."""
    from pipelines.reasons import Reasons

    histories = histories_of(history)
    users = UserContext(histories, np.array([days_since_last], np.float32), np.array([np.nan], np.float32))
    request = SimpleNamespace(user_ids=["u"], queries=SimpleNamespace(histories=histories), users=users)
    blended = BlendedLists.padding(SOURCES, 1, len(candidates) + 1)
    for slot, (item, sources) in enumerate(candidates):
        blended.positions[0, slot] = item
        for source in sources:
            blended.ranks[0, slot, SOURCES.index(source)] = slot + 1
    [reasons] = Reasons(NAMES, NAMES, GROUPS, KNN).explain(request, RankedLists.from_retrieval(blended), [session])
    return reasons


@pytest.mark.parametrize(
    ("count", "days", "gap", "text"),
    [
        (1, 7, 0, "bought once, 9 days ago"),
        (3, 7, 0, "bought 3 times, last 9 days ago"),  # on one day
        (3, 7, 9.6, "bought 3 times, last 9 days ago, usually every 10 days"),
        (1_200, 0, 1, "bought 1,200 times, last 2 days ago, usually every day"),
    ],
)
def test_purchases_are_counted_and_dated(count, days, gap, text):
    assert explained([(SALT, 1, 0), (BREAD, count, days, gap)], [(BREAD, ["bought_often"])]) == [[text]]


def test_the_last_purchase_may_be_of_yesterday():
    assert explained([(SALT, 1, 0)], [(SALT, ["bought_lately"])], days_since_last=1.0) == [["bought once, yesterday"]]


def test_a_candidate_is_often_bought_with_an_item_of_the_history():
    reasons = explained([(BREAD, 2, 3)], [(JAM, ["item_to_item", "popularity"]), (SALT, ["two_tower"])])

    assert reasons == [
        ["often bought with Bread, which you bought 5 days ago", "among the bestsellers of this week"],
        ["similar to what you bought"],
    ]


def test_a_source_that_does_not_list_a_candidate_is_no_reason():
    assert explained([(BREAD, 2, 3)], [(JAM, ["popularity"])]) == [["among the bestsellers of this week"]]


def test_an_item_without_a_garment_group_is_not_popular_in_one():
    listed = ["garment_group_popularity"]

    assert explained([], [(SALT, listed), (JAM, listed)]) == [["popular in Spices this week"], []]


def test_there_are_at_most_three_reasons():
    sources = ["bought_often", "item_to_item", "garment_group_popularity", "popularity"]

    assert explained([(BREAD, 2, 0), (BUTTER, 1, 1)], [(BUTTER, sources)]) == [
        [
            "bought once, 3 days ago",
            "often bought with Bread, which you bought 2 days ago",
            "popular in Dairy this week",
        ]
    ]


def test_a_session_bought_nothing():
    reasons = explained(
        [(BREAD, 2, 0)], [(BREAD, ["bought_often"]), (JAM, ["item_to_item"]), (SALT, ["two_tower_new"])], session=True
    )

    assert reasons == [["in the recent items"], ["often bought with Bread"], ["similar to the recent items"]]
