import numpy as np
import pytest

from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.pool import Pool
from candidates.retriever import deepen_pool
from candidates.sources.source_set import Queries

# Twelve items, the first the best for everybody.
INDEX = ItemIndex(np.array(list("abcdefghijkl")), np.arange(12, 0, -1, np.float32)[:, None])


class OneOfTheFirstTen:
    """At most one of the items 0 to 9, and any number of the other two."""

    def keep_mask(self, rows, positions):
        kept = positions >= 10
        for row in set(rows.tolist()):
            kept[np.flatnonzero((rows == row) & (positions < 10))[:1]] = True
        return kept

    def max_lengths(self, n, excluded, eligible):
        counts = np.tile(np.ones(12, np.bool_) if eligible is None else eligible, (n, 1))
        if excluded is not None:
            counts[excluded.rows, excluded.positions] = False
        return counts[:, 10:].sum(axis=1) + counts[:, :10].any(axis=1)


def queries(*histories):
    lengths = [len(own) for own in histories]
    positions = np.concatenate([np.empty(0, np.int32), *histories]).astype(np.int32)
    ones = np.ones((len(histories), 1), np.float32)
    zeros = np.zeros(sum(lengths), np.float32)
    return Queries(ones, ones, Histories(np.cumsum([0, *lengths]), positions, zeros + 1, zeros))


def pool_of(*lists):
    towers = np.array(lists, np.int32)
    other = np.full_like(towers, -1)
    scores = np.zeros(towers.shape, np.float32)
    return Pool.from_lists({"other": (other, scores), "two_tower": (towers, 12 - towers.astype(np.float32))})


def pairs(pool):
    columns = (pool.rows, pool.positions, pool.ranks[:, 1], pool.scores[:, 1])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_who_has_too_few_under_the_cap_gets_what_stands_further_down_with_its_place():
    pool = pool_of([0, 1], [10, 11])

    deeper = deepen_pool(pool, INDEX, queries([5], [5]), 2, OneOfTheFirstTen())

    assert pairs(deeper) == [(0, 0, 1, 12), (0, 1, 2, 11), (0, 10, 11, 2), (1, 10, 1, 2), (1, 11, 2, 1)]


def test_masks_hold_for_what_is_asked_for_deeper_and_places_count_what_they_leave():
    deeper = deepen_pool(
        pool_of([0, 1]), INDEX, queries([5]), 2, OneOfTheFirstTen(), ItemLists.from_lists([np.array([10, 2])]),
        eligible=np.arange(12) != 3,
    )  # fmt: skip

    assert pairs(deeper) == [(0, 0, 1, 12), (0, 1, 2, 11), (0, 11, 9, 1)]


def test_what_another_source_lists_already_is_there_once():
    towers, other = np.array([[0, 1]], np.int32), np.array([[10, -1]], np.int32)
    scores = np.ones((1, 2), np.float32)
    pool = Pool.from_lists({"other": (other, scores), "two_tower": (towers, scores)})

    assert len(deepen_pool(pool, INDEX, queries([5]), 2, OneOfTheFirstTen())) == 3
    assert deepen_pool(pool, INDEX, queries([5]), 3, OneOfTheFirstTen()).positions.tolist() == [0, 1, 10, 11]


@pytest.mark.parametrize("k", [3, 50])
def test_who_has_all_that_can_stand_is_not_asked_for_more(k, monkeypatch):
    pool = pool_of([0, 10, 11])
    monkeypatch.setattr(ItemIndex, "search", None)

    assert pairs(deepen_pool(pool, INDEX, queries([5]), k, OneOfTheFirstTen())) == pairs(pool)


def test_without_a_history_nobody_gets_more():
    pool = pool_of([0, 1])

    assert pairs(deepen_pool(pool, INDEX, queries([]), 2, OneOfTheFirstTen())) == pairs(pool)
