"""A saved release draws its candidates from the same sources as the training had in memory."""

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
def asked(toy_store, release):
    """Every user with what is asked for him as of the release; 0200 has never bought."""
    from features.store.catalogue import user_ids
    from features.store.reader import FeatureReader
    from pipelines.build_sources import queries_at

    users = user_ids(toy_store, release.as_of)
    features = FeatureReader(toy_store, "offline").read(release.schemas.query.service, users, release.as_of)
    vectors = release.query_tower.query_vectors(features)
    return users.to_pylist(), queries_at(toy_store, users, release.item_ids, vectors, release.as_of)


def test_every_source_lists_the_same_with_the_same_scores(trained, release, asked):
    from pipelines.build_sources import released_sources

    _, queries = asked

    for excluded in (None, queries.histories.bought):
        remembered = trained.sources.retrieve(queries, K, excluded)
        saved = released_sources(release).retrieve(queries, K, excluded)
        assert list(saved) == list(remembered)
        for name, (positions, scores) in saved.items():
            assert (positions >= 0).any() or excluded is not None, name
            np.testing.assert_array_equal(positions, remembered[name][0], name)
            np.testing.assert_array_equal(scores, remembered[name][1], name)


@pytest.mark.parametrize("already_bought", ["keep", "drop"])
def test_the_candidates_are_the_same(trained, release, asked, already_bought):
    from pipelines.build_sources import released_sources

    remembered = Retriever(trained.sources, getattr(trained.blenders, already_bought), K)
    saved = Retriever(released_sources(release), Blender.from_json(release.blender[already_bought]), K)
    exclusions = asked[1].histories.bought if already_bought == "drop" else None

    lists, others = (each.retrieve(asked[1], exclusions) for each in (saved, remembered))

    assert lists.positions.shape == (200, K)
    assert (lists.positions >= 0).all()
    for one, other in ((lists.positions, others.positions), (lists.scores, others.scores), (lists.ranks, others.ranks)):
        np.testing.assert_array_equal(one, other)


def test_sources_of_another_week_list_other_candidates(trained, release, asked, toy_store, tmp_path):
    from datetime import timedelta

    import pyarrow as pa

    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases
    from pipelines.build_sources import purchases_before, sources_at

    earlier = release.as_of - timedelta(days=7)
    purchases = write_purchases(toy_store, TimeSplit(None, earlier, release.as_of), tmp_path)
    items = pa.array(release.item_ids.tolist())
    past = purchases_before(purchases, items, earlier)
    sources, _ = sources_at(toy_store, past, items, release.item_vectors, earlier)

    before, now = (Retriever(each, trained.blenders.keep, K).retrieve(asked[1]) for each in (sources, trained.sources))

    assert not np.array_equal(before.positions, now.positions)
