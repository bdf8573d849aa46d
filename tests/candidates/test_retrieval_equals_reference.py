"""The compiled retrieval of blocks of users against a plain one, over random shops."""

import numpy as np
import pyarrow as pa
import pytest
from fixtures.purchases import histories_of
from fixtures.reference_retrieval import retrieve
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.blender import Blender
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.linear_model import LinearModel, term_names
from candidates.retriever import Retriever
from candidates.sources import source_set
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import SOURCES, Queries, SourceSet


def random_sources(generator, items, dimensions):
    neighbours = np.array([generator.permutation(items)[:4] for _ in range(items)], np.int32)
    neighbours[generator.random(neighbours.shape) < 0.3] = -1
    similarities = np.where(neighbours < 0, 0, generator.random(neighbours.shape)).astype(np.float32)
    sales = generator.integers(0, 4, items).astype(np.float32)
    return SourceSet(
        ItemIndex(pa.array([f"{item:03d}" for item in range(items)]), small_integers(generator, items, dimensions)),
        PopularityList.from_counts(sales),
        GarmentGroupPopularity(generator.integers(-1, 4, items).astype(np.int32), sales),
        ItemKnn(neighbours, similarities),
        generator.random(items).astype(np.float32),
        generator.integers(0, 3, items).astype(np.float32),
    )


def small_integers(generator, *shape):
    """Vectors whose inner products tie often."""
    return generator.integers(-2, 3, shape).astype(np.float32)


def random_blender(generator):
    terms, models = len(term_names(SOURCES)), []
    for _ in range(2):
        means, weights = (generator.normal(size=terms).astype(np.float32) for _ in range(2))
        deviations = (0.5 + generator.random(terms)).astype(np.float32)
        models.append(LinearModel(SOURCES, means, deviations, weights, -1.0))
    return Blender(*models)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 45), st.integers(1, 50), st.integers(1, 45))
def test_lists_ranks_and_scores_are_those_of_the_plain_retrieval(seed, items, k, depth, ordered):
    generator = np.random.default_rng(seed)
    sources, blender, users = random_sources(generator, items, 6), random_blender(generator), 5
    entries = []
    for _ in range(users):
        own = generator.permutation(items)[: generator.integers(1, min(items, 12) + 1)].tolist()
        days = np.sort(generator.integers(0, 200, len(own)))
        entries.append([(item, int(generator.integers(1, 4)), int(day)) for item, day in zip(own, days, strict=True)])
    excluded = [np.flatnonzero(generator.random(items) < 0.2) for _ in range(users)]
    eligible = generator.random(items) < 0.9
    vectors, new_item_vectors = small_integers(generator, users, 6), small_integers(generator, users, 4)
    queries = Queries(vectors, new_item_vectors, histories_of(*entries))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("candidates.retriever.DEPTH", depth)
        patch.setattr("candidates.blender.ORDERED", ordered)
        lists = Retriever(sources, blender, k).retrieve(queries, ItemLists.from_lists(excluded), eligible=eligible)

    for user in range(users):
        expected = retrieve(
            sources, blender, k, max(k, depth), vectors[user], new_item_vectors[user], entries[user],
            set(excluded[user].tolist()), eligible, ordered=ordered,
        )  # fmt: skip
        count = len(expected)
        found = dict(zip(lists.positions[user].tolist(), range(k), strict=True))
        odds = np.array([row[3] for row in expected])
        # Candidates whose odds differ by rounding only may change places.
        np.testing.assert_allclose(lists.scores[user, :count], odds, rtol=1e-4, atol=1e-4)
        assert (lists.positions[user, count:] == -1).all()
        for item, ranks, scores, score in expected:
            if score - odds[-1] > 1e-3 or count < k:
                place = found[item]
                assert lists.ranks[user, place].tolist() == ranks
                np.testing.assert_allclose(lists.source_scores[user, place], scores, rtol=1e-4, atol=1e-4)


def test_every_source_of_the_set_is_covered_by_the_reference():
    assert (len(SOURCES), source_set.DEPTH) == (9, 300)
