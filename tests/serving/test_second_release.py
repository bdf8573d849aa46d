"""Two releases at a time: a share of the users, always the same ones, gets the second one."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

USERS = [f"{number:04}" for number in range(1, 101)]


@pytest.fixture(scope="module")
def two_releases(served_project, tmp_path_factory):
    """A copy of the served project with a second release, without a ranker; returns the project and both versions."""
    import shutil

    from fixtures.serving import write_untrained

    from features.store.registry import open_feature_store
    from models.release.find_release import find_release
    from models.release.writer import make_latest

    folder = tmp_path_factory.mktemp("two")
    project = served_project.copy_to(folder / "copy")
    shutil.copytree(served_project.releases, project.releases)
    first = find_release(project.releases).name
    second = write_untrained(open_feature_store(project.repo), project.releases, folder, [])
    make_latest(project.releases, first)
    return project, first, second


def test_the_fraction_of_a_user_is_the_same_in_every_process():
    code = "from serving.second_release import user_fraction; print(user_fraction('0003', '20200301-seed-00000001'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    by_hand = int(hashlib.sha256(b"20200301-seed-00000001\n0003").hexdigest()[:16], 16) / 2**64
    assert float(done.stdout) == by_hand
    assert 0 <= by_hand < 1


def test_the_share_is_kept_and_a_larger_one_keeps_its_users():
    from types import SimpleNamespace

    from serving.second_release import SecondRelease

    switch = SimpleNamespace(current=SimpleNamespace(version="20200301-seed-00000001"))
    users = [str(number) for number in range(10_000)]
    served = {share: {user for user in users if SecondRelease(switch, share).serves(user)} for share in (0.1, 0.3)}

    assert 900 < len(served[0.1]) < 1_100
    assert 2_800 < len(served[0.3]) < 3_200
    assert served[0.1] < served[0.3]


def test_each_user_gets_one_release_on_all_paths_and_none_mixes_both(serve, two_releases):
    project, first, second = two_releases
    alone = {}
    for version in (first, second):
        from models.release.writer import make_latest

        make_latest(project.releases, version)
        with serve(project.repo, project.releases) as (client, _):
            alone[version] = {user: client.candidates(user_id=user, k=20)["items"] for user in USERS[:30]}
    make_latest(project.releases, first)

    with serve(project.repo, project.releases, also=second, share=0.4) as (client, service):
        with ThreadPoolExecutor(8) as threads:
            replies = [*threads.map(lambda user: client.candidates(user_id=user, k=20), USERS[:30] * 3)]
        batch = client.post("/v1/candidates:batch", {"user_ids": USERS[:30], "k": 20}).json
        steps = client.post("/v1/candidates:steps", {"user_id": USERS[0], "k": 20}).json
        history = client.get(f"/v1/users/{USERS[0]}/history").json
        expected = {user: second if service.second.serves(user) else first for user in USERS[:30]}

    assert {*expected.values()} == {first, second}
    for reply in replies:
        assert reply["release"] == expected[reply["user_id"]]
        assert reply["items"] == alone[reply["release"]][reply["user_id"]]
    for result in batch["results"]:
        assert result["release"] == expected[result["user_id"]]
        assert result["items"] == alone[result["release"]][result["user_id"]]
    assert [result["user_id"] for result in batch["results"]] == USERS[:30]
    assert (steps["release"], history["release"]) == (expected[USERS[0]],) * 2
    assert alone[first] != alone[second]


def test_sessions_and_similar_items_get_the_first_release(serve, two_releases):
    project, first, second = two_releases

    with serve(project.repo, project.releases, also=second, share=0.999) as (client, _):
        session = client.candidates(recent_items=["0108775007"], k=1)["release"]
        similar = client.get("/v1/items/0108775007/similar").json["release"]

    assert (session, similar) == (first, first)


def test_metrics_and_the_release_path_name_both(serve, two_releases):
    project, first, second = two_releases

    with serve(project.repo, project.releases, also=second, share=0.5) as (client, service):
        client.post("/v1/candidates:batch", {"user_ids": USERS[:40], "k": 1})
        text, state = client.get("/metrics").text, client.get("/v1/release").json
        to_second = sum(service.second.serves(user) for user in USERS[:40])
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    assert lines[f'feast_two_tower_subjects_total{{release="{first}"}}'] == str(float(40 - to_second))
    assert lines[f'feast_two_tower_subjects_total{{release="{second}"}}'] == str(float(to_second))
    for release in (first, second):
        assert lines[f'feast_two_tower_candidates_duration_seconds_count{{release="{release}"}}'] == "1.0"
        assert any(line.startswith("feast_two_tower_release_info{") and release in line for line in lines)
    assert (state["release"], state["second"]) == (first, {"release": second, "share": 0.5})


def test_the_first_release_changes_and_the_second_one_stays(serve, two_releases):
    from models.release.writer import make_latest

    project, first, second = two_releases

    with serve(project.repo, project.releases, also=second, share=0.5) as (client, service):
        make_latest(project.releases, second)
        service.switch.poll()
        service.second.switch.poll()
        state = client.get("/v1/release").json
    make_latest(project.releases, first)

    assert (state["release"], state["previous"], state["second"]["release"]) == (second, first, second)
