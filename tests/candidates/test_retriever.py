"""From query vectors and histories to candidate sets, on four items and a scale of scores that can be read."""

from dataclasses import replace
from math import e, log

import numpy as np
import pyarrow as pa
import pytest

from candidates.blender import Blender, term_names
from candidates.candidate_file import candidates_to_table
from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.ranking.reordering import RankedLists
from candidates.retriever import Retriever
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import SOURCES, Queries, SourceSet

ITEM_IDS = np.array(["a", "b", "c", "d"])
VECTORS = np.array([[4, 0], [3, 1], [2, 2], [0, 3]], np.float32)
SALES = np.array([5, 0, 7, 5], np.float32)
LIKES_FIRST, LIKES_SECOND = [1, 0], [0, 1]


def blender(**weights):
    """A fusion that adds up the scores of some sources."""
    said = term_names(SOURCES)
    values = np.zeros(len(said), np.float32)
    for source, weight in weights.items():
        values[said.index(f"score by {source}")] = weight
    return Blender(SOURCES, np.zeros_like(values), np.ones_like(values), values, 0.0)


def sources():
    return SourceSet(
        index=ItemIndex(ITEM_IDS, VECTORS),
        popularity=PopularityList.from_counts(SALES),
        garment_groups=GarmentGroupPopularity(np.array([0, 0, 1, 1], np.int32), SALES),
        item_knn=ItemKnn(
            np.array([[0, 1], [1, 0], [2, -1], [3, -1]], np.int32), np.float32([[1, 0.5], [1, 0.5], [1, 0], [1, 0]])
        ),
        repurchase_rates=np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        sales=SALES * 4,
    )  # fmt: skip


def queries(vectors, bought, new=None):
    items = pa.array(bought, pa.list_(pa.string()))
    ones, zeros = (
        pa.array([None if row is None else [value] * len(row) for row in bought], pa.list_(pa.float32()))
        for value in (1.0, 0.0)
    )
    anything = np.array(vectors, np.float32)
    something_new = anything if new is None else np.array(new, np.float32)
    return Queries(anything, something_new, Histories.from_lists(items, ones, zeros, ITEM_IDS))


def retrieve(users, vectors, bought, *, already_bought="drop", k=2, by=None, **more):
    asked = queries(vectors, bought, **more)
    excluded = asked.histories.bought if already_bought == "drop" else None
    lists = RankedLists.as_retrieved(Retriever(sources(), by or blender(two_tower=1), k).retrieve(asked, excluded))
    return candidates_to_table(np.array(users), lists.blended, ITEM_IDS, lists.places, lists.scores).to_pylist()


def items(rows):
    return [row["item_id"] for row in rows]


def test_what_was_bought_is_taken_out_before_the_cut_so_that_k_means_k():
    rows = retrieve(["u"], [LIKES_FIRST], [["a", "b"]])

    # Products of 2 and 0, as log shares of the two candidates: log(e^2 / (e^2 + 1)) and log(1 / (e^2 + 1)).
    assert [(row["item_id"], row["rank"]) for row in rows] == [("c", 1), ("d", 2)]
    assert [row["score"] for row in rows] == pytest.approx([2 - log(e**2 + 1), -log(e**2 + 1)])
    assert {"bought_often", "bought_lately", "bought_again"} & {
        source for row in rows for source in row["sources"]
    } == set()


def test_with_keep_it_stays_and_its_sources_say_so():
    first, second = retrieve(["u"], [LIKES_FIRST], [["a", "b"]], already_bought="keep")

    assert (first["item_id"], second["item_id"]) == ("a", "b")
    assert first["sources"] == [
        "two_tower", "bought_often", "bought_lately", "bought_again", "popularity", "garment_group_popularity",
        "item_to_item", "item_to_item_selling",
    ]  # fmt: skip
    assert first["source_ranks"][:3] == [1, 1, 1]
    # Products of 4, 3, 2 and 0: the first as a share of all four.
    assert first["source_scores"][0] == pytest.approx(log(e**4 / (e**4 + e**3 + e**2 + 1)))


def test_the_second_vector_asks_for_what_was_never_bought_even_if_it_may_be_shown_again():
    rows = retrieve(
        ["u"], [LIKES_FIRST], [["d"]], already_bought="keep", k=4, new=[LIKES_SECOND], by=blender(two_tower_new=1)
    )

    ranks = {row["item_id"]: dict(zip(row["sources"], row["source_ranks"], strict=True)) for row in rows}
    assert [ranks[item].get("two_tower_new") for item in "abcd"] == [3, 2, 1, None]


@pytest.mark.parametrize("already_bought", ["drop", "keep"])
@pytest.mark.parametrize("nothing", [None, []])
def test_without_history_what_sells_is_shown_whatever_the_query(already_bought, nothing):
    rows = retrieve(["u"], [LIKES_SECOND], [nothing], already_bought=already_bought, k=3, by=blender(popularity=-1))

    assert [(row["item_id"], row["score"], row["sources"], row["source_ranks"]) for row in rows] == [
        ("c", 7.0, ["popularity"], [1]),
        ("a", 5.0, ["popularity"], [2]),  # ties by id
        ("d", 5.0, ["popularity"], [3]),
    ]


def test_every_user_keeps_his_own_query_history_and_place():
    rows = retrieve(
        ["w", "v", "u"], [LIKES_SECOND, LIKES_FIRST, LIKES_SECOND], [["d"], ["a"], ["b"]], k=1
    )  # fmt: skip

    assert [(row["user_id"], row["item_id"]) for row in rows] == [("w", "c"), ("v", "b"), ("u", "d")]


def test_fewer_than_k_come_only_when_fewer_items_remain():
    assert items(retrieve(["u"], [LIKES_FIRST], [["a", "c"]], k=3)) == ["b", "d"]
    assert items(retrieve(["u"], [LIKES_FIRST], [["a"]], already_bought="keep", k=9)) == list("abcd")


def test_a_user_alone_gets_what_he_gets_among_others():
    together = retrieve(["w", "u"], [LIKES_SECOND, LIKES_FIRST], [["d"], ["a"]], k=2)

    assert retrieve(["u"], [LIKES_FIRST], [["a"]], k=2) == together[2:]


def test_a_longer_trained_tower_says_no_more_of_a_candidate_than_a_shorter_trained_one():
    """All products larger by ten for one user: his shares, and what fusion hears, stay the same."""
    index = ItemIndex(ITEM_IDS, np.column_stack([VECTORS, np.ones(4, np.float32)]))
    histories = Histories(
        np.array([0, 1, 2]), np.array([0, 0], np.int32), np.ones(2, np.float32), np.zeros(2, np.float32)
    )
    asked = np.array([[1, 0, 0], [1, 0, 10]], np.float32)

    pool = replace(sources(), index=index).retrieve_pool(Queries(asked, asked, histories), 4)

    short, long = (pool.scores[pool.rows == row, SOURCES.index("two_tower")] for row in (0, 1))
    np.testing.assert_allclose(long, short, rtol=1e-5)
    assert np.exp(short).sum() == pytest.approx(1)
