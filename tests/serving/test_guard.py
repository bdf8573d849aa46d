"""Deadlines, failures, bodies that do not end, and the log of requests."""

import asyncio
import json
import logging
import socket

import pytest
from fixtures.http import running

from serving.guard import Guard
from serving.json_logs import JsonFormatter
from serving.limits import Limits


class CountedRequests:
    """Stands for the metrics."""

    def __init__(self):
        self.counted = []

    def count_request(self, method, route, status, seconds):
        self.counted.append((method, route, status))
        assert seconds >= 0


async def application(scope, receive, send):
    """Answers /ok, is slow at /slow, fails elsewhere; knows the lifespan events of a server."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(30)
    if scope["path"] != "/ok":
        raise ValueError("planted")
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def metrics():
    return CountedRequests()


def serving(metrics):
    """Serve; what is counted and logged after a response is complete when the block ends."""
    return running(Guard(application, Limits(deadline=0.2), metrics, None, lambda: "new-id"))


@pytest.fixture
def client(metrics):
    with serving(metrics) as client:
        yield client


def test_a_request_is_ended_at_its_deadline(metrics):
    with serving(metrics) as client:
        reply = client.get("/slow")

    assert (reply.status, reply.error["code"], reply.headers["x-request-id"]) == (504, "deadline", "new-id")
    assert metrics.counted == [("GET", "unmatched", 504)]


def test_a_body_that_never_ends_is_ended_at_the_deadline(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
        connection.sendall(b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        assert connection.recv(100).startswith(b"HTTP/1.1 504 ")


def test_a_chunked_body_is_bounded_too(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
        connection.sendall(b"POST /ok HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall((b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 9)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_is_handed_over(client):
    assert client.post("/ok", {"k": 1}).json == {"k": 1}


def test_a_failure_is_logged_and_not_shown(client, caplog):
    with caplog.at_level(logging.INFO, "serving"):
        reply = client.get("/fails")

    assert (reply.status, reply.error["code"]) == (500, "internal")
    assert "planted" not in reply.text
    assert "planted" in caplog.text


def test_requests_are_logged_as_json_without_their_path(metrics, caplog):
    with caplog.at_level(logging.INFO, "serving"), serving(metrics) as client:
        client.get("/secret-user")
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]

    logged = lines[-1]
    assert (logged["level"], logged["message"], logged["request_id"]) == ("info", "request", "new-id")
    assert (logged["method"], logged["route"], logged["status"]) == ("GET", "unmatched", 500)
    assert logged["milliseconds"] >= 0
    assert "secret" not in json.dumps(logged)
    assert "ValueError: planted" in lines[0]["traceback"]


def test_paths_are_logged_for_debugging_only(metrics, caplog):
    with caplog.at_level(logging.DEBUG, "serving"), serving(metrics) as client:
        client.get("/secret-user")

    assert {record.levelname for record in caplog.records if "secret-user" in record.getMessage()} == {"DEBUG"}


def test_unusual_methods_are_counted_as_one(metrics):
    with serving(metrics) as client:
        client.send("PROPFIND", "/ok")

    assert metrics.counted == [("other", "unmatched", 200)]
