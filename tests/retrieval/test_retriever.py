"""From query vectors and what was bought to candidate sets, on four items and a scale of scores that can be read."""

import numpy as np
import pyarrow as pa
import pytest

from retrieval.candidates import CANDIDATES
from retrieval.retriever import Retriever

ITEM_IDS = np.array(["a", "b", "c", "d"])
VECTORS = np.array([[4, 0], [3, 1], [2, 2], [0, 3]], np.float32)
SALES = np.array([5, 0, 7, 5], np.float32)
LIKES_FIRST, LIKES_SECOND = [1, 0], [0, 1]


def retrieve(users, queries, bought, *, already_bought="drop", k=2):
    retriever = Retriever.over(ITEM_IDS, VECTORS, SALES, already_bought, k)
    table = retriever.retrieve(users, np.array(queries, np.float32), pa.array(bought, pa.list_(pa.string())))
    assert table.schema.equals(CANDIDATES)
    return [tuple(row.values()) for row in table.to_pylist()]


def test_what_was_bought_is_taken_out_before_the_cut_so_that_k_means_k():
    assert retrieve(["u"], [LIKES_FIRST], [["a", "b"]]) == [
        ("u", "c", 1, 2.0, "two_tower"),
        ("u", "d", 2, 0.0, "two_tower"),
    ]


def test_with_keep_it_stays():
    assert retrieve(["u"], [LIKES_FIRST], [["a", "b"]], already_bought="keep") == [
        ("u", "a", 1, 4.0, "two_tower"),
        ("u", "b", 2, 3.0, "two_tower"),
    ]


@pytest.mark.parametrize("already_bought", ["drop", "keep"])
@pytest.mark.parametrize("nothing", [None, []])
def test_without_history_what_sells_is_shown_whatever_the_query(already_bought, nothing):
    assert retrieve(["u"], [LIKES_SECOND], [nothing], already_bought=already_bought, k=3) == [
        ("u", "c", 1, 7.0, "popularity"),
        ("u", "a", 2, 5.0, "popularity"),  # ties by id
        ("u", "d", 3, 5.0, "popularity"),
    ]


def test_every_user_keeps_his_own_query_history_and_place():
    rows = retrieve(
        ["w", "new", "v", "u"],
        [LIKES_SECOND, LIKES_SECOND, LIKES_FIRST, LIKES_SECOND],
        [["d"], None, ["a"], ["b"]],
        k=1,
    )

    assert [row[:2] for row in rows] == [("w", "c"), ("new", "c"), ("v", "b"), ("u", "d")]
    assert [row[4] for row in rows] == ["two_tower", "popularity", "two_tower", "two_tower"]


def test_bought_items_that_left_the_catalogue_are_history_all_the_same():
    assert retrieve(["u"], [LIKES_FIRST], [["gone"]], k=1) == [("u", "a", 1, 4.0, "two_tower")]


def test_fewer_than_k_come_only_when_fewer_items_remain():
    assert [row[1] for row in retrieve(["u"], [LIKES_FIRST], [["a", "c"]], k=3)] == ["b", "d"]
    assert [row[1] for row in retrieve(["u"], [LIKES_FIRST], [["a"]], already_bought="keep", k=9)] == list("abcd")
