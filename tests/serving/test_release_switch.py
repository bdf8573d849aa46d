"""Another release or online store takes the place of the present one; what fails is refused."""

import shutil
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from fixtures.serving import MOMENT

from features.errors import InputError
from features.files import sha256

OLD, NEW, OTHER = (f"20200301-seed-0000000{number}" for number in (1, 2, 3))
NOW = datetime(2020, 3, 2, tzinfo=UTC)


@pytest.fixture
def releases(tmp_path):
    """A folder of releases that only a stand-in of a loader reads."""
    for version in (OLD, NEW, OTHER):
        (tmp_path / version).mkdir()
        (tmp_path / version / "manifest.json").touch()
    (tmp_path / "LATEST").write_text(OLD, encoding="utf-8")
    return tmp_path


class Loader:
    """Stands for the loading and the test of releases."""

    def __init__(self):
        self.loaded, self.failing, self.store_is_current = [], {}, True

    def __call__(self, version):
        self.loaded.append(version)
        if version in self.failing:
            raise self.failing[version]
        reader = SimpleNamespace(generation=self)
        return SimpleNamespace(version=version, generation="g", pipeline=SimpleNamespace(reader=reader))

    @property
    def is_current(self):
        return self.store_is_current


@pytest.fixture
def loader():
    return Loader()


@pytest.fixture
def switch(releases, loader):
    from serving.release_switch import ReleaseSwitch

    return ReleaseSwitch(releases, releases, lambda: NOW, load=loader)


def test_the_first_release_is_the_one_that_latest_names(switch, loader):
    assert (switch.current.version, switch.previous, switch.refusal, loader.loaded) == (OLD, None, None, [OLD])


def test_nothing_is_loaded_as_long_as_nothing_changes(switch, loader):
    for _ in range(3):
        switch.poll()

    assert loader.loaded == [OLD]


def test_a_new_latest_is_activated(switch, releases):
    (releases / "LATEST").write_text(NEW, encoding="utf-8")
    switch.poll()

    assert (switch.current.version, switch.previous, switch.activations) == (NEW, OLD, 2)


def test_a_new_generation_of_the_online_store_is_opened_with_the_same_release(switch, loader):
    before, loader.store_is_current = switch.current, False
    switch.poll()

    assert (switch.current.version, switch.previous) == (OLD, None)
    assert switch.current is not before


@pytest.mark.parametrize("error", [InputError("The release is damaged."), MemoryError("planted")])
def test_a_release_that_cannot_be_loaded_is_refused_and_the_present_one_serves(switch, releases, loader, error):
    (releases / "LATEST").write_text(NEW, encoding="utf-8")
    loader.failing[NEW] = error
    before = switch.current
    switch.poll()

    assert switch.current is before
    assert (switch.refusal.version, switch.refusal.at) == (NEW, NOW)
    assert str(error) in switch.refusal.reason
    assert switch.refusals == 1


def test_a_refused_release_is_tried_again_less_and_less_often(switch, releases, loader):
    (releases / "LATEST").write_text(NEW, encoding="utf-8")
    loader.failing[NEW] = InputError("not whole")
    for _ in range(1 + 2 + 1 + 4 + 1 + 8):
        switch.poll()
    tried = loader.loaded.count(NEW)
    loader.failing.clear()
    switch.poll()

    assert tried == 3
    assert switch.refusals == 1  # for the same reason
    assert (switch.current.version, switch.refusal) == (NEW, None)


def test_a_new_online_store_is_opened_although_the_latest_release_is_refused(switch, releases, loader):
    (releases / "LATEST").write_text(NEW, encoding="utf-8")
    loader.failing[NEW] = InputError("not whole")
    before, loader.store_is_current = switch.current, False
    switch.poll()

    assert (switch.current.version, switch.refusal.version) == (OLD, NEW)
    assert switch.current is not before


def test_another_release_is_tried_at_once_after_a_refused_one(switch, releases, loader):
    (releases / "LATEST").write_text(NEW, encoding="utf-8")
    loader.failing[NEW] = InputError("not whole")
    switch.poll()
    (releases / "LATEST").write_text(OTHER, encoding="utf-8")
    switch.poll()

    assert switch.current.version == OTHER


def test_after_a_return_latest_is_followed_when_it_changes(switch, releases):
    (releases / "LATEST").write_text(NEW, encoding="utf-8")
    switch.poll()
    switch.activate(None)
    switch.poll()
    returned = switch.current.version
    (releases / "LATEST").write_text(OTHER, encoding="utf-8")
    switch.poll()

    assert (returned, switch.current.version, switch.previous) == (OLD, OTHER, OLD)


def test_there_is_nothing_to_return_to_at_first(switch):
    with pytest.raises(InputError, match="version"):
        switch.activate(None)


def test_a_damaged_latest_is_reported_and_the_present_release_serves(switch, releases):
    (releases / "LATEST").write_text("../../etc", encoding="utf-8")
    switch.poll()

    assert switch.current.version == OLD
    assert "LATEST" in switch.refusal.reason


def test_a_single_release_is_served_whatever_latest_names(releases, loader):
    from serving.release_switch import ReleaseSwitch

    switch = ReleaseSwitch(releases, releases, lambda: NOW, version=NEW, load=loader)
    switch.poll()

    assert loader.loaded == [NEW]


@pytest.fixture
def two_releases(served_project, tmp_path):
    """A copy of the served project with a second release, without a ranker; returns the project and both versions."""
    from fixtures.serving import write_untrained

    from features.store.registry import open_feature_store
    from models.release.find_release import find_release
    from models.release.writer import make_latest

    project = served_project.copy_to(tmp_path / "copy")
    shutil.copytree(served_project.releases, project.releases)
    first = find_release(project.releases).name
    second = write_untrained(open_feature_store(project.repo), project.releases, tmp_path, [])
    make_latest(project.releases, first)
    return project, first, second


def test_no_request_fails_or_mixes_releases_while_they_change(serve, two_releases):
    from models.release.writer import make_latest

    project, first, second = two_releases
    queries = [{"user_id": "0003", "k": 9}, {"user_id": "0001", "k": 5, "filters": {"already_bought": "drop"}}]
    ended, found, failed = threading.Event(), [], []

    with serve(project.repo, project.releases) as (client, service):

        def expect():
            release = client.get("/v1/release").json["release"]
            return {(release, number): client.candidates(**query)["items"] for number, query in enumerate(queries)}

        expected = expect()

        def load():
            while not ended.is_set():
                for number, query in enumerate(queries):
                    reply = client.post("/v1/candidates", query)
                    if reply.status == 200:
                        found.append((reply.json["release"], number, reply.json["items"]))
                    else:
                        failed.append(reply.text)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(6):
            make_latest(project.releases, (second, first)[number % 2])
            service.switch.poll()
            expected |= expect()
        ended.set()
        for thread in threads:
            thread.join()

    assert failed == []
    assert {release for release, _, _ in found} == {first, second}
    assert [each for each in found if each[2] != expected[each[:2]]] == []
    assert expected[first, 0] != expected[second, 0]


def test_releases_are_changed_and_refused_over_http(serve, two_releases):
    project, first, second = two_releases
    damaged = project.releases / second / "blender.json"

    with serve(project.repo, project.releases) as (client, _):
        nothing = client.post("/v1/release", {})
        activated = client.post("/v1/release", {"version": second})
        back = client.post("/v1/release", {})
        damaged.write_text(damaged.read_text(encoding="utf-8") + " ", encoding="utf-8")
        refused = client.post("/v1/release", {"version": second})
        outside = client.post("/v1/release", {"version": "../../etc/passwd"})
        state = client.get("/v1/release").json
        served = client.candidates(user_id="0003", k=1)["release"]

    assert (nothing.status, nothing.error["code"]) == (409, "not_activated")
    assert (activated.status, activated.json["release"], activated.json["previous"]) == (200, second, first)
    assert (back.status, back.json["release"], back.json["previous"]) == (200, first, second)
    assert (refused.status, outside.status, outside.error["code"]) == (409, 422, "invalid_request")
    assert "blender.json" in refused.error["message"]
    assert (state["release"], served) == (first, first)
    assert (state["refused"]["version"], "blender.json" in state["refused"]["reason"]) == (second, True)


def test_a_latest_that_does_not_reproduce_its_golden_queries_is_refused(serve, two_releases):
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    from models.release.integrity import DIGEST, manifest_digest
    from models.release.writer import make_latest

    project, first, second = two_releases
    file = project.releases / second / "golden_queries.parquet"
    table, name = pq.read_table(file), "golden_keep_items"
    turned = pa.array([items[::-1] for items in table[name].to_pylist()], table.schema.field(name).type)
    pq.write_table(table.set_column(table.column_names.index(name), name, turned), file)
    path = file.with_name("manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"][file.name] = sha256(file)
    path.write_text(json.dumps({**manifest, DIGEST: manifest_digest(manifest)}), encoding="utf-8")

    with serve(project.repo, project.releases) as (client, service):
        make_latest(project.releases, second)
        service.switch.poll()
        state, served = client.get("/v1/release").json, client.candidates(user_id="0003", k=1)["release"]

    assert (state["release"], served) == (first, first)
    assert (state["refused"]["version"], "golden query" in state["refused"]["reason"]) == (second, True)


def test_a_new_online_store_is_served_without_a_failed_request(serve, call, two_releases):
    project, _, _ = two_releases

    with serve(project.repo, project.releases) as (client, service):
        before = service.switch.current
        done = call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat())
        meanwhile = client.post("/v1/candidates", {"user_id": "0003"})
        service.switch.poll()
        after = client.post("/v1/candidates", {"user_id": "0003"})

    assert done.exit_code == 0, done.stderr
    assert service.switch.current is not before
    assert (meanwhile.status, after.status) == (200, 200)
    assert meanwhile.json["items"] == after.json["items"]


def test_a_store_that_another_program_changes_is_unavailable_until_it_is_filled_again(serve, call, two_releases):
    import sqlite3

    project, _, _ = two_releases
    with serve(project.repo, project.releases) as (client, service):
        with sqlite3.connect(project.root / "data" / "online.db") as connection:
            connection.execute("create table feast_two_tower_other (x)")
        connection.close()
        changed, ready = client.post("/v1/candidates", {"user_id": "0003"}), client.get("/readyz")
        done = call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat())
        service.switch.poll()
        filled = client.post("/v1/candidates", {"user_id": "0003"})

    assert done.exit_code == 0, done.stderr
    assert (changed.status, changed.error["code"], changed.headers["retry-after"]) == (503, "features_unavailable", "1")
    assert "materialize" in changed.error["message"]
    assert (ready.status, filled.status) == (503, 200)
