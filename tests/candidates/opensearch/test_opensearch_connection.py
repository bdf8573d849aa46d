"""Connections are checked when they are opened, and every failure is one sentence."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.opensearch import connection as connection_module
from candidates.opensearch.connection import PASSWORD, URL, USER, Connection
from candidates.opensearch.item_index import write_index
from candidates.opensearch.searcher import OpenSearchSearcher
from features.errors import InputError

INFO = {"version": {"number": "2.19.1", "distribution": "opensearch"}}
PLUGINS = [{"component": "opensearch-knn"}]


@pytest.fixture
def fake():
    """Start a server with the given answers by path, (status, content) each, and return its URL and the requests."""
    servers = []

    def start(answers, pause=0.0):
        requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                requests.append((path, self.headers.get("Authorization")))
                time.sleep(pause)
                found = answers.get(path, (404, {"error": {"type": "index_not_found_exception"}, "status": 404}))
                status, content = found.pop(0) if isinstance(found, list) else found
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def __getattr__(self, name):
                if name in {"do_PUT", "do_POST"}:
                    return self.do_GET
                raise AttributeError(name)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def healthy(**others):
    return {"/": (200, INFO), "/_cat/plugins": (200, PLUGINS), **others}


def error_of(function, *arguments, **keywords):
    with pytest.raises(InputError) as caught:
        function(*arguments, **keywords)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_real_server_is_accepted(opensearch_url):
    connection = Connection.open(None, {URL: opensearch_url})

    assert connection.call(lambda client: client.ping())
    connection.close()


def test_the_option_comes_before_the_environment_and_the_password_from_there(fake):
    url, requests = fake(healthy())

    Connection.open(url, {URL: "http://127.0.0.1:1", USER: "someone", PASSWORD: "secret"}).close()

    assert {header for _, header in requests} == {"Basic c29tZW9uZTpzZWNyZXQ="}


@pytest.mark.parametrize(
    ("url", "environment", "parts"),
    [
        ("localhost:9200", {}, ("http://", "https://")),
        ("ftp://host", {}, ("http://", "https://")),
        ("http://", {}, ("host",)),
        ("http://host:port", {}, ("not valid",)),
        ("https://someone:secret@host", {}, (USER, PASSWORD)),
        ("http://search.example", {USER: "someone", PASSWORD: "secret"}, ("search.example", "https://")),
        ("http://localhost", {USER: "someone"}, (USER, PASSWORD)),
        ("http://localhost", {PASSWORD: "secret"}, (USER, PASSWORD)),
    ],
)
def test_invalid_settings_are_refused_without_the_password(url, environment, parts):
    message = error_of(Connection.open, url, environment)

    assert all(part in message for part in parts)
    assert "secret" not in message


def test_a_server_that_is_down_is_named():
    message = error_of(Connection.open, "http://127.0.0.1:1", {})

    assert all(part in message for part in ("http://127.0.0.1:1", "cannot be reached", "--url", URL))


def test_a_slow_server_is_not_waited_for(fake):
    url, _ = fake(healthy(), pause=2.0)

    assert "does not answer in time" in error_of(Connection.open, url, {}, timeout=0.1)


@pytest.mark.parametrize(
    ("answers", "part"),
    [
        ({"/": (200, {"version": {"number": "8.1.0"}})}, "not OpenSearch 8.1.0"),
        ({"/": (200, {"version": {"number": "2.15.0", "distribution": "opensearch"}})}, "version 2.15.0"),
        ({"/": (200, {"version": {"number": "4.0.0", "distribution": "opensearch"}})}, "version 4.0.0"),
        ({"/": (200, {"version": {"number": "next", "distribution": "opensearch"}})}, "version next"),
        ({"/": (200, INFO), "/_cat/plugins": (200, [{"component": "analysis-icu"}])}, "opensearch-knn"),
        ({"/": (401, {"error": "unauthorized", "status": 401})}, USER),
        ({"/": (403, {"error": {"type": "security_exception"}, "status": 403})}, "rights"),
        ({"/": (200, b"<html>")}, "cannot be read"),
    ],
)
def test_other_servers_are_refused(fake, answers, part):
    url, _ = fake(answers)

    message = error_of(Connection.open, url, {})

    assert part in message
    assert url in message


def test_an_overloaded_server_is_asked_again(fake):
    busy = (503, {"error": {"type": "no_master"}, "status": 503})
    url, requests = fake({"/": [busy, busy, (200, INFO)], "/_cat/plugins": (200, PLUGINS)})

    Connection.open(url, {}).close()

    assert [path for path, _ in requests] == ["/", "/", "/", "/_cat/plugins"]


@pytest.mark.parametrize(
    ("status", "kind", "reason", "part"),
    [
        (429, "cluster_block_exception", "index [a] blocked by: [disk usage exceeded flood-stage watermark]", "disk"),
        (403, "cluster_block_exception", "blocked by: [FORBIDDEN/5/index read-only (api)]", "read-only"),
        (400, "x", "Query vector has invalid dimension: 3. Dimension should be: 4", "another dimension"),
        (404, "index_not_found_exception", "no such index [a]", "no such index"),
        (500, "x", "y", "status 500"),
    ],
)
def test_answers_are_explained(fake, status, kind, reason, part):
    answer = {"error": {"type": kind, "reason": reason, "root_cause": []}, "status": status}
    url, requests = fake(healthy(**{"/a/_count": (status, answer)}))
    connection = Connection.open(url, {})

    message = error_of(connection.call, lambda client: client.count(index="a"))

    assert part in message
    assert len(requests) == 3, "a lasting error is not retried"


BUSY = {"error": {"type": "rejected_execution_exception", "reason": "queue is full"}, "status": 429}
FOUND = {"hits": {"hits": [{"fields": {"position": [3]}}]}, "_shards": {"failed": 0}, "timed_out": False}
QUERY = np.ones((1, 4), np.float32)


def search(connection):
    return OpenSearchSearcher(connection, "a", 4).search(QUERY, 2, ItemLists.empty(1), None).tolist()


@pytest.mark.parametrize("part", [BUSY, {**FOUND, "_shards": {"failed": 1}}, {**FOUND, "timed_out": True}])
def test_a_search_of_which_a_part_failed_is_sent_again(fake, part):
    answers = [(200, {"responses": [part]}), (200, {"responses": [FOUND]})]
    url, requests = fake(healthy(**{"/a/_msearch": answers}))

    assert search(Connection.open(url, {})) == [[3, -1]]
    assert [path for path, _ in requests].count("/a/_msearch") == 2


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (BUSY, "rejected_execution_exception: queue is full"),
        ({**FOUND, "timed_out": True}, "some of its shards only"),
        (
            {"error": {"type": "index_not_found_exception", "reason": "no such index [a]"}, "status": 404},
            "no such index",
        ),
    ],
)
def test_a_search_that_goes_on_failing_is_one_sentence_and_no_result(fake, monkeypatch, part, words):
    monkeypatch.setattr(connection_module, "_FIRST_PAUSE", 0.001)
    url, _ = fake(healthy(**{"/a/_msearch": (200, {"responses": [FOUND, part]})}))

    assert words in error_of(search, Connection.open(url, {}))


def written(*answers):
    return 200, {"items": [{"index": answer} for answer in answers]}


def write(connection):
    write_index(connection, "a", "a-1", ["x", "y"], {4: np.ones((2, 4), np.float32)}, {}, {})


def server_of(bulk, count=2):
    done = (200, {"acknowledged": True})
    paths = ("/a-1", "/a-1/_refresh", "/a-1/_settings")
    return healthy(**dict.fromkeys(paths, done), **{"/a-1/_bulk": bulk, "/a-1/_count": (200, {"count": count})})


def test_items_that_a_busy_server_rejects_are_written_again(fake, monkeypatch):
    monkeypatch.setattr(connection_module, "_FIRST_PAUSE", 0.001)
    bulk = [
        written({"status": 201}, BUSY),
        (503, {"error": "no", "status": 503}),
        written({"status": 200}, {"status": 201}),
    ]
    url, requests = fake(server_of(bulk))

    write(Connection.open(url, {}))

    assert [path for path, _ in requests].count("/a-1/_bulk") == 3


def test_items_that_cannot_be_written_are_named_and_not_sent_again(fake):
    refused = {"error": {"type": "mapper_parsing_exception", "reason": "failed to parse field [b]"}, "status": 400}
    url, requests = fake(server_of(written(BUSY, refused)))

    assert "failed to parse field [b]" in error_of(write, Connection.open(url, {}))
    assert [path for path, _ in requests].count("/a-1/_bulk") == 1


def test_a_server_that_stays_busy_is_given_up(fake, monkeypatch):
    monkeypatch.setattr(connection_module, "_FIRST_PAUSE", 0.001)
    url, requests = fake(server_of(written({"status": 201}, BUSY)))

    assert "queue is full" in error_of(write, Connection.open(url, {}))
    assert [path for path, _ in requests].count("/a-1/_bulk") == 8
