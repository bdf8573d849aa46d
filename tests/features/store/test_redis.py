"""Redis as the online store: the same values and candidates, and one sentence for each failure."""

import pyarrow.parquet as pq
import pytest
from fixtures.serving import MOMENT

SERVICES = ("candidate_request_v2", "earlier_items_v1", "query_tower_v3", "ranking_users_v3")


@pytest.fixture
def materialize(call):
    return lambda project, *words: call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat(), *words)


def open_store(project):
    from features.store.registry import open_feature_store

    return open_feature_store(project.repo)


def features_of(project, service):
    from features.store.catalogue import user_ids
    from features.store.reader import FeatureReader

    store = open_store(project)
    return FeatureReader(store, "online").read(service, [*user_ids(store, MOMENT).to_pylist(), "nobody"], MOMENT)


def unknown_users(project):
    from features.store.reader import FeatureReader

    return FeatureReader(open_store(project), "online").unknown_users(["0003", "nobody"], MOMENT)


def test_features_and_candidates_equal_those_of_sqlite(
    redis_project, materialize, served_project, redis_server, call, tmp_path
):
    copy = redis_project(redis_server.address)
    done = materialize(copy)
    assert done.exit_code == 0, done.stderr

    for service in SERVICES:
        assert features_of(copy, service).equals(features_of(served_project, service))
    assert unknown_users(copy) == unknown_users(served_project) == ["nobody"]
    lists = []
    for number, repo in enumerate((copy.repo, served_project.repo)):
        path = tmp_path / f"{number}.parquet"
        words = ("--repo", repo, "--releases", served_project.releases, "--k", 12, "--output", path)
        done = call("generate_candidates", *words)
        assert done.exit_code == 0, done.stderr
        lists.append(pq.read_table(path))
    assert lists[0].equals(lists[1])


def test_a_second_materialization_overwrites_rows_of_the_same_moment(redis_project, materialize, redis_server):
    """As after a correction of the tables; another program has changed a row of a user."""
    import redis

    copy = redis_project(redis_server.address)
    assert materialize(copy).exit_code == 0
    expected = features_of(copy, SERVICES[0])
    client = redis.Redis(port=redis_server.port)
    for key in client.scan_iter():
        fields = client.hgetall(key)
        client.hset(key, mapping={name: b"" for name in fields if not name.startswith(b"_ts:")})
    client.close()

    done = materialize(copy, "--from-scratch")

    assert done.exit_code == 0, done.stderr
    assert features_of(copy, SERVICES[0]).equals(expected)


def test_without_overwriting_nothing_is_materialized(redis_project, materialize, redis_server):
    copy = redis_project(redis_server.address)
    path = copy.repo / "feature_store.yaml"
    path.write_text(path.read_text("utf-8").replace("skip_dedup: true", "skip_dedup: false"), "utf-8")

    done = materialize(copy)

    assert done.exit_code == 1
    assert "skip_dedup: true" in done.stderr


def test_an_empty_server_is_named(redis_project, redis_server):
    from features.errors import InputError

    copy = redis_project(redis_server.address)

    with pytest.raises(InputError, match=r"is empty: run .*materialize.py"):
        features_of(copy, SERVICES[0])


def test_a_server_that_is_down_is_named_and_the_next_run_succeeds(redis_project, materialize, redis_server):
    from features.errors import OnlineStoreUnavailableError

    copy = redis_project(redis_server.address)
    assert materialize(copy).exit_code == 0
    redis_server.stop()

    done = materialize(copy)
    with pytest.raises(OnlineStoreUnavailableError, match="cannot be reached"):
        features_of(copy, SERVICES[0])
    redis_server.start()  # without its data
    again = materialize(copy)

    assert done.exit_code == 1
    assert "cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert again.exit_code == 0, again.stderr
    assert features_of(copy, SERVICES[0]).num_rows == 201


@pytest.mark.parametrize("password", ["", ",password=wrong"])
def test_a_refused_password_is_named_without_it(redis_project, materialize, locked_redis_server, monkeypatch, password):
    copy = redis_project(f"{locked_redis_server.address},password=right")
    monkeypatch.setenv("FEAST_REDIS", locked_redis_server.address + password)

    done = materialize(copy)

    assert done.exit_code == 1
    assert "refuses the connection" in done.stderr
    assert "password=" not in done.stderr
