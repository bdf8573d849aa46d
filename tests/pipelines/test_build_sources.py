"""The sources restored from a release retrieve the same candidates as those of the training run."""

import numpy as np
import pytest

from candidates.blender import Blender
from candidates.retriever import Retriever

K = 12


@pytest.fixture(scope="module")
def release(trained):
    from models.release.release import load_release

    return load_release(trained.releases)


@pytest.fixture(scope="module")
def queries(toy_store, release):
    """The queries of all users as of the release; user 0200 has no purchases."""
    from features.store.catalogue import user_ids
    from features.store.reader import FeatureReader
    from pipelines.build_sources import read_queries

    users = user_ids(toy_store, release.as_of)
    features = FeatureReader(toy_store, "offline").read(release.schemas.query.service, users, release.as_of)
    vectors = release.query_tower.query_vectors(features)
    return read_queries(toy_store, users, release.item_ids, vectors, release.as_of)


def test_every_source_retrieves_the_same_candidates_with_the_same_scores(trained, release, queries):
    from pipelines.build_sources import restore_sources

    for excluded in (None, queries.histories.bought):
        expected = trained.sources.retrieve(queries, K, excluded).lists
        restored = restore_sources(release).retrieve(queries, K, excluded).lists
        assert list(restored) == list(expected)
        for name, (positions, scores) in restored.items():
            assert (positions >= 0).any() or excluded is not None, name
            np.testing.assert_array_equal(positions, expected[name][0], name)
            np.testing.assert_array_equal(scores, expected[name][1], name)


@pytest.mark.parametrize("already_bought", ["keep", "drop"])
def test_the_blended_candidates_are_the_same(trained, release, queries, already_bought):
    from pipelines.build_sources import restore_sources

    expected = Retriever(trained.sources, getattr(trained.blenders, already_bought), K)
    restored = Retriever(restore_sources(release), Blender.from_json(release.blender[already_bought]), K)
    exclusions = queries.histories.bought if already_bought == "drop" else None

    lists, others = (each.retrieve(queries, exclusions) for each in (restored, expected))

    assert lists.positions.shape == (200, K)
    assert (lists.positions >= 0).all()
    for one, other in ((lists.positions, others.positions), (lists.scores, others.scores), (lists.ranks, others.ranks)):
        np.testing.assert_array_equal(one, other)


def test_sources_of_another_week_retrieve_other_candidates(trained, release, queries, toy_store, tmp_path):
    from datetime import timedelta

    import pyarrow as pa

    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases
    from pipelines.build_sources import build_sources, read_items, read_purchase_codes

    earlier = release.as_of - timedelta(days=7)
    purchases = write_purchases(toy_store, TimeSplit(None, earlier, release.as_of), tmp_path)
    items = pa.array(release.item_ids.tolist())
    past = read_purchase_codes(purchases, items, earlier)
    sources, _ = build_sources(read_items(toy_store, items, earlier), past, items, release.item_vectors, earlier)

    before, now = (Retriever(each, trained.blenders.keep, K).retrieve(queries) for each in (sources, trained.sources))

    assert not np.array_equal(before.positions, now.positions)
