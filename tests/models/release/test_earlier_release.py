"""An earlier release: its towers as validated, and the conditions of a warm start."""

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
    """A release whose cut is 2020-09-16."""
    releases = tmp_path_factory.mktemp("releases")
    return releases, tiny.write_release(
        releases, towers, request_services=REQUEST_SERVICES, ranker_trained_until={"keep": "2020-09-20T00:00:00+00:00"}
    )


@pytest.fixture
def earlier(written):
    from models.release.earlier_release import EarlierRelease

    return EarlierRelease.read(*written)


def test_it_holds_the_towers_as_validated_and_as_served(tiny, tmp_path):
    from models.release.earlier_release import EarlierRelease
    from models.towers import Towers

    validated, served = tiny.towers(seed=3), tiny.towers(seed=4)
    version = tiny.write_release(tmp_path, served, validated_towers=validated)

    earlier = EarlierRelease.read(tmp_path, version)

    for checkpoint, expected in ((earlier.validated, validated), (earlier.release.served, served)):
        towers = Towers.from_checkpoint(checkpoint, tiny.config)
        for vectors, others in zip(towers.query_vectors(tiny.users), expected.query_vectors(tiny.users), strict=True):
            np.testing.assert_array_equal(vectors, others)
        np.testing.assert_array_equal(towers.item_vectors(tiny.items), expected.item_vectors(tiny.items))
    np.testing.assert_array_equal(earlier.release.item_vectors, served.item_vectors(tiny.items))


@pytest.mark.parametrize("name", [None, "LATEST", "latest"])
def test_a_release_is_read_by_name_or_as_the_current_one(written, towers, name):
    from models.release.earlier_release import EarlierRelease

    releases, version = written

    earlier = EarlierRelease.read(releases, name or version)

    assert earlier.release.version == version
    assert earlier.release.cut == datetime(2020, 9, 16, tzinfo=UTC)
    for weight, expected in towers.checkpoint.weights.items():
        np.testing.assert_array_equal(earlier.validated.weights[weight], expected)


def test_changed_weights_are_refused_by_name(written, tmp_path):
    from models.release.earlier_release import EarlierRelease

    releases, version = shutil.copytree(written[0], tmp_path / "releases"), written[1]
    path = releases / version / "validated" / "layers.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(InputError, match=rf"{version}.*validated/layers\.npz"):
        EarlierRelease.read(releases, version)


def test_a_warm_start_trains_on_the_days_since_the_cut_and_replays_some_before_it(earlier):
    from models.release.earlier_release import REPLAY_DAYS

    assert earlier.training_days(datetime(2020, 9, 17, tzinfo=UTC)) == 1 + REPLAY_DAYS
    assert earlier.training_days(datetime(2020, 9, 23, tzinfo=UTC)) == 7 + REPLAY_DAYS


@pytest.mark.parametrize("day", [15, 16])
def test_a_release_with_a_later_or_equal_cut_is_refused(earlier, written, day):
    with pytest.raises(InputError) as caught:
        earlier.training_days(datetime(2020, 9, day, tzinfo=UTC))

    for value in (written[1], "before 2020-09-16", f"2020-09-{day}", "--as-of", "--from"):
        assert value in str(caught.value)


def test_training_settings_may_change_but_not_the_architecture(earlier, tiny, written):
    earlier.check_compatible(
        replace(tiny.config, epochs=9, training_days=3, learning_rate=0.5, id_dropout=0.1),
        tiny.schemas,
        REQUEST_SERVICES,
    )

    with pytest.raises(InputError) as caught:
        earlier.check_compatible(
            replace(tiny.config, hidden_widths=(16, 8), preset="default"), tiny.schemas, REQUEST_SERVICES
        )

    for value in (written[1], "hidden_widths", "(16,)", "(16, 8)", "'default'"):
        assert value in str(caught.value)


def test_feature_services_that_differ_are_refused_by_name(earlier, tiny):
    other = replace(tiny.schemas, item=replace(tiny.item_schema, columns=tiny.item_schema.columns[:2]))

    with pytest.raises(InputError, match="'item_tower_v9'"):
        earlier.check_compatible(tiny.config, other, REQUEST_SERVICES)
    with pytest.raises(InputError, match="'ranking_users_v9'"):
        earlier.check_compatible(tiny.config, tiny.schemas, {"ranking_users_v9": "4567abcd"})


def test_a_ranker_is_trained_until_its_recorded_moment_or_that_of_the_release(earlier):
    assert earlier.release.ranker_trained_until("keep") == datetime(2020, 9, 20, tzinfo=UTC)
    assert earlier.release.ranker_trained_until("drop") == earlier.release.as_of == datetime(2020, 9, 23, tzinfo=UTC)
