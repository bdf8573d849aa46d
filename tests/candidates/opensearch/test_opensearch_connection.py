"""Connections are checked when they are opened, and every failure is one sentence."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from candidates.opensearch.connection import PASSWORD, URL, USER, Connection
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
