"""Clients of the online service: as many requests as the clients can send, or a given rate whatever the latency."""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

HEADERS = {"content-type": "application/json"}


@dataclass
class Client:
    """One connection to the service, kept alive."""

    port: int
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def send(self, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON of a response."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = None if content is None else json.dumps(content)
        try:
            self._connection.request(method, path, body, HEADERS)
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())
        except (http.client.HTTPException, OSError):
            self._connection.close()
            self._connection = None
            raise


@dataclass(frozen=True)
class Answer:
    """A response.

    Attributes:
        user: of the request.
        status: HTTP status; 0 if the connection failed.
        seconds: from the moment at which the request was due.
        content: the JSON.
    """

    user: str
    status: int
    seconds: float
    content: Any


@dataclass
class Load:
    """Requests for candidates of users in turn.

    Attributes:
        port: of the service.
        users: ids.
        k: candidates.
        answers: what came back, in the order of the responses.
    """

    port: int
    users: Sequence[str]
    k: int
    answers: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next: int = 0

    def run(self, clients: int, seconds: float, rate: float | None = None) -> float:
        """Send requests for some seconds, and return the seconds until the last response.

        Args:
            clients: connections, each with one request at a time.
            seconds: in which requests begin.
            rate: requests per second, evenly spaced; None for a closed loop, in which each client sends its next
                request after the response. With a rate, a request counts from the moment at which it was due.
        """
        started = time.perf_counter()
        threads = [threading.Thread(target=self._client, args=(started, seconds, rate)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def _client(self, started: float, seconds: float, rate: float | None) -> None:
        client = Client(self.port)
        while True:
            with self._lock:
                number, self._next = self._next, self._next + 1
            due = time.perf_counter() if rate is None else started + number / rate
            if due > started + seconds:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            user = self.users[number % len(self.users)]
            try:
                status, content = client.send("POST", "/v1/candidates", {"user_id": user, "k": self.k})
            except (http.client.HTTPException, OSError) as error:
                status, content = 0, str(error)
            self.answers.append(Answer(user, status, time.perf_counter() - due, content))
