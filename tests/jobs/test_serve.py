"""The job that serves: what it refuses at the start, and how it ends."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from fixtures.http import Client

KEY = "FEAST_TWO_TOWER_API_KEY"


@pytest.fixture
def serve(call, served_project):
    """Call the job with options that it refuses."""

    def serve(*options, repo=served_project.repo, releases=served_project.releases):
        return call("serve", "--repo", repo, "--releases", releases, *options)

    return serve


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])  # noqa: S104 - refused
def test_an_address_that_others_reach_needs_a_key(serve, monkeypatch, host):
    monkeypatch.delenv(KEY, raising=False)

    done = serve("--host", host)

    assert done.exit_code == 1
    assert host in done.stderr
    assert KEY in done.stderr


@pytest.mark.parametrize("key", ["", "short", "schlüssel-schlüssel", "a key with\na line"])
def test_a_weak_key_is_refused_without_being_shown(serve, monkeypatch, key):
    monkeypatch.setenv(KEY, key)

    done = serve()

    assert (done.exit_code, KEY in done.stderr) == (1, True)
    assert key == "" or key not in done.stderr


def test_a_missing_release_is_named(serve, tmp_path):
    done = serve(releases=tmp_path)

    assert done.exit_code == 1
    assert str(tmp_path) in done.stderr


@pytest.mark.parametrize("options", [("--also", "20200301-seed-00000001"), ("--share", "0.1")])
def test_a_second_release_needs_its_share_and_a_share_a_release(serve, options):
    done = serve(*options)

    assert (done.exit_code, "--also" in done.stderr, "--share" in done.stderr) == (1, True, True)


def test_a_second_release_that_is_missing_is_named(serve):
    done = serve("--also", "20200301-seed-00000001", "--share", "0.1")

    assert (done.exit_code, "20200301-seed-00000001" in done.stderr) == (1, True)


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan"])
def test_a_share_is_a_part_of_the_users(serve, share):
    done = serve("--also", "20200301-seed-00000001", "--share", share)

    assert (done.exit_code, "--share" in done.stderr) == (2, True)


def test_a_port_that_is_in_use_is_named(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve("--port", port)

    assert done.exit_code == 1
    assert f"--port {port}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_host_name_is_named(serve, monkeypatch):
    monkeypatch.setenv(KEY, "correct horse 12")

    done = serve("--host", "no-such-host.invalid")

    assert (done.exit_code, "no-such-host.invalid" in done.stderr) == (1, True)


def test_an_online_store_that_was_not_filled_ends_the_job(serve, toy):
    done = serve(repo=toy.repo)

    assert done.exit_code == 1
    assert "jobs/materialize.py" in done.stderr


@contextlib.contextmanager
def started(root, project, *options):
    """Run the job in a process of its own; yield it, its first line and its port."""
    words = [root / "jobs" / "serve.py", "--port", 0, "--repo", project.repo, "--releases", project.releases, *options]
    command = [sys.executable, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        release, address = process.stdout.readline(), process.stdout.readline()
        try:
            yield process, release, int(re.search(r"http://127\.0\.0\.1:(\d+)", address)[1])
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_with_status_0(root, served_project, number):
    with started(root, served_project, "--verbose") as (process, release, port):
        content = Client(port).get("/v1/users/0003/history").json
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 0, errors
    assert content["release"] in release
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert [line["route"] for line in lines if "route" in line] == ["/v1/users/{user_id:path}/history"]
    assert [line["level"] for line in lines if "0003" in line["message"]] == ["debug"]
    assert "Traceback" not in errors


def test_a_request_in_progress_is_answered_after_the_signal_and_no_new_one_is_accepted(root, served_project):
    body = json.dumps({"user_id": "0003", "k": 3}).encode()
    with started(root, served_project, "--deadline", 20) as (process, _, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.putrequest("POST", "/v1/candidates")
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body[:5])
        Client(port).get("/healthz")  # the service has read what came before
        process.send_signal(signal.SIGTERM)
        refused = wait_until_refused(port)
        connection.send(body[5:])
        response = connection.getresponse()
        content = json.loads(response.read())
        _, errors = process.communicate(timeout=30)

    assert refused
    assert (response.status, len(content["items"])) == (200, 3)
    assert process.returncode == 0, errors


def wait_until_refused(port):
    """Whether the port stops to accept connections within 5 seconds."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False
