"""A release from which a training goes on, or why it cannot."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.errors import InputError

REQUEST_SERVICES = {"ranking_users_v9": "0123abcd"}


@pytest.fixture(scope="module")
def towers(tiny):
    return tiny.towers(seed=3)


@pytest.fixture(scope="module")
def written(tiny, towers, tmp_path_factory):
    """A release with the cut 2020-09-16."""
    releases = tmp_path_factory.mktemp("releases")
    return releases, tiny.write_release(
        releases, towers, request_services=REQUEST_SERVICES, ranker_trained_until={"keep": "2020-09-20T00:00:00+00:00"}
    )


@pytest.fixture
def earlier(written):
    from models.release.earlier_release import EarlierRelease

    return EarlierRelease.read(*written)


def test_its_towers_are_those_that_were_judged_not_those_that_are_served(tiny, tmp_path):
    from models.release.earlier_release import EarlierRelease

    judged, served = tiny.towers(seed=3), tiny.towers(seed=4)
    version = tiny.write_release(tmp_path, served, judged_towers=judged)

    earlier = EarlierRelease.read(tmp_path, version)
    towers = earlier.towers()

    for rebuilt, before in zip(towers.query_vectors(tiny.users), judged.query_vectors(tiny.users), strict=True):
        np.testing.assert_array_equal(rebuilt, before)
    np.testing.assert_array_equal(towers.item_vectors(tiny.items), judged.item_vectors(tiny.items))
    np.testing.assert_array_equal(earlier.release.item_vectors, served.item_vectors(tiny.items))


@pytest.mark.parametrize("name", [None, "LATEST", "latest"])
def test_a_release_is_read_with_its_weights_by_name_or_as_the_latest(written, towers, name):
    from models.release.earlier_release import EarlierRelease

    releases, version = written

    earlier = EarlierRelease.read(releases, name or version)

    assert earlier.release.version == version
    assert earlier.cut == datetime(2020, 9, 16, tzinfo=UTC)
    for read, fitted in zip(earlier.checkpoint.weights, towers.checkpoint.weights, strict=True):
        np.testing.assert_array_equal(read, fitted)


def test_changed_weights_are_refused_by_name(written, tmp_path):
    from models.release.earlier_release import EarlierRelease

    releases, version = shutil.copytree(written[0], tmp_path / "releases"), written[1]
    path = releases / version / "weights.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(InputError, match=rf"Release {version} was changed after it was written: weights.npz differs"):
        EarlierRelease.read(releases, version)


def test_it_goes_on_with_the_days_since_and_some_before_again(earlier):
    from models.release.earlier_release import REPLAY_DAYS

    assert earlier.training_days(datetime(2020, 9, 17, tzinfo=UTC)) == 1 + REPLAY_DAYS
    assert earlier.training_days(datetime(2020, 9, 23, tzinfo=UTC)) == 7 + REPLAY_DAYS


@pytest.mark.parametrize("day", [15, 16])
def test_a_release_that_has_learned_from_what_is_to_judge_is_refused(earlier, written, day):
    with pytest.raises(InputError) as caught:
        earlier.training_days(datetime(2020, 9, day, tzinfo=UTC))

    assert str(caught.value) == (
        f"Release {written[1]} has learned from everything before 2020-09-16, and the new cut is 2020-09-{day}: there "
        "is nothing new. Pass a later --as-of, or an earlier release to --from."
    )


def test_towers_may_learn_another_way_but_not_be_built_otherwise(earlier, tiny, written):
    earlier.check_compatible(
        replace(tiny.config, epochs=9, training_days=3, learning_rate=0.5, id_dropout=0.1),
        tiny.schemas,
        REQUEST_SERVICES,
    )

    with pytest.raises(InputError) as caught:
        earlier.check_compatible(
            replace(tiny.config, hidden_widths=(16, 8), preset="default"), tiny.schemas, REQUEST_SERVICES
        )

    for value in (written[1], "hidden_widths", "[16]", "[16, 8]", "'default'"):
        assert value in str(caught.value)


def test_services_that_differ_are_refused(earlier, tiny):
    other = replace(tiny.schemas, item=replace(tiny.item_schema, columns=tiny.item_schema.columns[:2]))

    with pytest.raises(InputError, match="was trained on feature service 'item_tower_v9'"):
        earlier.check_compatible(tiny.config, other, REQUEST_SERVICES)
    with pytest.raises(InputError, match="made for feature service 'ranking_users_v9'"):
        earlier.check_compatible(tiny.config, tiny.schemas, {"ranking_users_v9": "4567abcd"})


def test_a_ranker_has_learned_until_its_own_moment_or_until_the_releases(earlier):
    assert earlier.release.ranker_trained_until("keep") == datetime(2020, 9, 20, tzinfo=UTC)
    assert earlier.release.ranker_trained_until("drop") == earlier.release.as_of == datetime(2020, 9, 23, tzinfo=UTC)
