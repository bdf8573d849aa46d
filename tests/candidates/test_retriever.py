"""Retrieval over four items with hand-made scores, and the deepening of pools under a cap."""

from dataclasses import replace
from math import e, log

import numpy as np
import pyarrow as pa
import pytest
from fixtures.blenders import blender_of
from fixtures.purchases import histories_of

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.linear_model import term_names
from candidates.pool import Pool
from candidates.retriever import Retriever, deepen_pool
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import SOURCES, Queries, SourceSet

VECTORS = np.array([[4, 0], [3, 1], [2, 2], [0, 3]], np.float32)
SALES = np.array([5, 0, 7, 5], np.float32)
LIKES_FIRST, LIKES_SECOND = [1, 0], [0, 1]  # query vectors that rank the items 0, 1, 2, 3 and 3, 2, 1, 0


@pytest.fixture
def sources():
    return SourceSet(
        index=ItemIndex(pa.array(["a", "b", "c", "d"]), VECTORS),
        popularity=PopularityList.from_counts(SALES),
        garment_groups=GarmentGroupPopularity(np.array([0, 0, 1, 1], np.int32), SALES),
        item_knn=ItemKnn(
            np.array([[0, 1], [1, 0], [2, -1], [3, -1]], np.int32), np.float32([[1, 0.5], [1, 0.5], [1, 0], [1, 0]])
        ),
        repurchase_rates=np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        sales=SALES * 4,
    )  # fmt: skip


@pytest.fixture
def retrieve(sources):
    def retrieve(vectors, bought, *, drop=True, k=2, weights=None, new_item_vectors=None):
        """Return blended lists of users with the given purchases, dropping these, by a weighted sum of sources."""
        queries = queries_of(vectors, bought, new_item_vectors)
        retriever = Retriever(sources, adding(**(weights or {"two_tower": 1})), k)
        return retriever.retrieve(queries, queries.histories.bought if drop else None)

    return retrieve


def queries_of(vectors, bought, new_item_vectors=None):
    vectors = np.array(vectors, np.float32)
    new_item_vectors = vectors if new_item_vectors is None else np.array(new_item_vectors, np.float32)
    return Queries(vectors, new_item_vectors, histories_of(*[[(item, 1, 0) for item in own] for own in bought]))


def adding(**weights):
    """A blender that adds up the weighted scores of some sources."""
    by_term = {f"score by {source}": weight for source, weight in weights.items()}
    return blender_of(SOURCES, [by_term.get(name, 0) for name in term_names(SOURCES)])


def ranks_of(blended, user, column):
    """The ranks that the sources give to one candidate, by source, without the sources that do not list it."""
    return {source: rank for source, rank in zip(SOURCES, blended.ranks[user, column].tolist(), strict=True) if rank}


def test_dropped_purchases_are_removed_before_the_cut(retrieve):
    blended = retrieve([LIKES_FIRST], [[0, 1]])

    # Inner products of 2 and 0, as log softmax over both candidates: log(e^2 / (e^2 + 1)) and log(1 / (e^2 + 1)).
    assert blended.positions.tolist() == [[2, 3]]
    assert blended.scores[0] == pytest.approx([2 - log(e**2 + 1), -log(e**2 + 1)])
    listed_by = {source for column in (0, 1) for source in ranks_of(blended, 0, column)}
    assert listed_by & {"bought_often", "bought_lately", "bought_again"} == set()


def test_kept_purchases_are_listed_by_the_sources_of_own_purchases(retrieve):
    blended = retrieve([LIKES_FIRST], [[0, 1]], drop=False)

    assert blended.positions.tolist() == [[0, 1]]
    assert ranks_of(blended, 0, 0) == {
        "two_tower": 1, "bought_often": 1, "bought_lately": 1, "bought_again": 2, "popularity": 2,
        "garment_group_popularity": 2, "item_to_item": 1, "item_to_item_selling": 1,
    }  # fmt: skip
    # Inner products of 4, 3, 2 and 0: the first as log softmax over all four.
    assert blended.source_scores[0, 0, SOURCES.index("two_tower")] == pytest.approx(
        log(e**4 / (e**4 + e**3 + e**2 + 1))
    )


def test_the_new_item_vector_never_lists_purchases_even_if_these_are_kept(retrieve):
    blended = retrieve(
        [LIKES_FIRST], [[3]], drop=False, k=4, new_item_vectors=[LIKES_SECOND], weights={"two_tower_new": 1}
    )

    ranks = {blended.positions[0, column]: ranks_of(blended, 0, column).get("two_tower_new") for column in range(4)}
    assert ranks == {0: 3, 1: 2, 2: 1, 3: None}


@pytest.mark.parametrize("drop", [True, False])
def test_cold_users_get_the_popularity_list_whatever_their_vector(retrieve, drop):
    blended = retrieve([LIKES_SECOND], [[]], drop=drop, k=3, weights={"popularity": -1})

    assert blended.positions.tolist() == [[2, 0, 3]]  # 0 and 3 tie
    assert blended.scores.tolist() == [[7, 5, 5]]
    assert [ranks_of(blended, 0, column) for column in range(3)] == [{"popularity": rank} for rank in (1, 2, 3)]


def test_lists_are_shorter_than_k_only_if_fewer_items_remain(retrieve):
    assert retrieve([LIKES_FIRST], [[0, 2]], k=3).positions.tolist() == [[1, 3, -1]]
    assert retrieve([LIKES_FIRST], [[0]], drop=False, k=9).positions.tolist() == [[0, 1, 2, 3] + [-1] * 5]


def test_the_list_of_a_user_does_not_depend_on_other_users(retrieve):
    blended = retrieve([LIKES_SECOND, LIKES_FIRST, LIKES_SECOND], [[3], [0], []])
    alone = retrieve([LIKES_FIRST], [[0]])

    assert blended.positions.tolist() == [[2, 1], [1, 2], [2, 0]]
    assert blended.slice(1, 2).scores.tolist() == alone.scores.tolist()
    assert blended.slice(1, 2).ranks.tolist() == alone.ranks.tolist()


def test_scores_of_the_towers_do_not_depend_on_the_scale_of_their_products(sources):
    """All products of the second user are larger by 10."""
    index = ItemIndex(sources.index.item_ids, np.column_stack([VECTORS, np.ones(4, np.float32)]))
    queries = queries_of([[1, 0, 0], [1, 0, 10]], [[0], [0]])

    pool = replace(sources, index=index).retrieve_pool(queries, 4)

    first, second = (pool.scores[pool.rows == row, SOURCES.index("two_tower")] for row in (0, 1))
    np.testing.assert_allclose(second, first, rtol=1e-5)
    assert np.exp(first).sum() == pytest.approx(1)


# Deepening: twelve items, ranked 0 to 11 for every query.
LINE = ItemIndex(pa.array(list("abcdefghijkl")), np.arange(12, 0, -1, np.float32)[:, None])


class OneOfTheFirstTen:
    """At most one of the items 0 to 9, and any number of the other two."""

    def keep_mask(self, rows, positions):
        kept = positions >= 10
        for row in set(rows.tolist()):
            kept[np.flatnonzero((rows == row) & (positions < 10))[:1]] = True
        return kept

    def max_lengths(self, n, excluded, eligible):
        allowed = np.tile(np.ones(12, np.bool_) if eligible is None else eligible, (n, 1))
        if excluded is not None:
            allowed[excluded.rows, excluded.positions] = False
        return allowed[:, 10:].sum(axis=1) + allowed[:, :10].any(axis=1)


def pool_of(*towers, other=None):
    """A pool of the lists of the towers and of another source; the towers' scores are those of `LINE`."""
    towers = np.array(towers, np.int32)
    other = np.full_like(towers, -1) if other is None else np.array(other, np.int32)
    scores = np.zeros(other.shape, np.float32)
    return Pool.from_lists({"other": (other, scores), "two_tower": (towers, 12 - towers.astype(np.float32))})


def tower_pairs(pool):
    """Tuples of user, item, and the towers' rank and score."""
    columns = (pool.rows, pool.positions, pool.ranks[:, 1], pool.scores[:, 1])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_users_with_too_few_candidates_under_the_cap_get_those_further_down_the_towers_list():
    deeper = deepen_pool(pool_of([0, 1], [10, 11]), LINE, queries_of([[1], [1]], [[5], [5]]), 2, OneOfTheFirstTen())

    assert tower_pairs(deeper) == [(0, 0, 1, 12), (0, 1, 2, 11), (0, 10, 11, 2), (1, 10, 1, 2), (1, 11, 2, 1)]


def test_deepening_applies_the_masks_and_ranks_count_the_remaining_items():
    deeper = deepen_pool(
        pool_of([0, 1]), LINE, queries_of([[1]], [[5]]), 2, OneOfTheFirstTen(),
        ItemLists.from_lists([np.array([10, 2])]), eligible=np.arange(12) != 3,
    )  # fmt: skip

    assert tower_pairs(deeper) == [(0, 0, 1, 12), (0, 1, 2, 11), (0, 11, 9, 1)]


def test_candidates_of_other_sources_count_and_are_not_repeated():
    pool, queries = pool_of([0, 1], other=[[10, -1]]), queries_of([[1]], [[5]])

    assert len(deepen_pool(pool, LINE, queries, 2, OneOfTheFirstTen())) == 3
    assert deepen_pool(pool, LINE, queries, 3, OneOfTheFirstTen()).positions.tolist() == [0, 1, 10, 11]


@pytest.mark.parametrize("k", [3, 50])
def test_users_with_all_possible_candidates_are_not_searched_again(k, monkeypatch):
    pool = pool_of([0, 10, 11])
    monkeypatch.setattr(ItemIndex, "search", None)

    deeper = deepen_pool(pool, LINE, queries_of([[1]], [[5]]), k, OneOfTheFirstTen())

    assert tower_pairs(deeper) == tower_pairs(pool)


def test_cold_users_get_no_more_candidates():
    pool = pool_of([0, 1])

    assert tower_pairs(deepen_pool(pool, LINE, queries_of([[1]], [[]]), 2, OneOfTheFirstTen())) == tower_pairs(pool)
