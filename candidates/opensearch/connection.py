"""The connection to an OpenSearch server: settings, retries, and errors as sentences."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import numpy as np
from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    ConnectionError,  # noqa: A004  the library's name
    ConnectionTimeout,
    OpenSearchException,
    SSLError,
    TransportError,
)

from features.errors import InputError

URL: Final = "OPENSEARCH_URL"
USER: Final = "OPENSEARCH_USER"
PASSWORD: Final = "OPENSEARCH_PASSWORD"  # noqa: S105  the name of the variable
CA_CERTS: Final = "OPENSEARCH_CA_CERTS"
DEFAULT_URL: Final = "http://localhost:9200"
TIMEOUT: Final = 30.0  # seconds
_ATTEMPTS: Final = 4
_FIRST_PAUSE: Final = 0.25  # seconds; doubled for each attempt
_PASSING: Final = frozenset({429, 502, 503, 504})  # HTTP status of an overloaded server
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OLDEST, _FIRST_UNKNOWN = (2, 16), (4, 0)  # method_parameters of a k-NN query came with 2.16
_PLUGIN: Final = "opensearch-knn"
_PARTIAL: Final = "partial_answer"
BUILD: Final = "run `python jobs/index_items.py --engine opensearch`"  # what to do about an index, in messages

# The client logs each failed request with a traceback. Here it is retried, or becomes one sentence.
logging.getLogger("opensearch").setLevel(logging.CRITICAL)

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, eq=False)
class Connection:
    """A connection to a server that was checked to be OpenSearch with k-NN.

    Attributes:
        url: without credentials, for messages.
        client: of opensearch-py.
    """

    url: str
    client: OpenSearch

    @classmethod
    def open(cls, url: str | None, environment: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT) -> Self:
        """Connect, and check version and plugins of the server.

        Args:
            url: of the server; None for `OPENSEARCH_URL`, or this computer without it.
            environment: with user, password and the file of CA certificates; `os.environ` by default.
            timeout: of each request, in seconds.

        Raises:
            InputError: the settings are invalid, or the server cannot be reached, is not OpenSearch, is of a version
                that was not tried, or lacks the k-NN plugin.
        """
        environment = os.environ if environment is None else environment
        url = url or environment.get(URL) or DEFAULT_URL
        _check_url(url, with_password=bool(environment.get(PASSWORD)))
        user, password = environment.get(USER), environment.get(PASSWORD)
        if bool(user) != bool(password):
            raise InputError(f"{USER} and {PASSWORD} must be set together, or neither of them.")
        client = OpenSearch(
            [url],
            http_auth=(user, password) if user else None,
            verify_certs=True,
            ca_certs=environment.get(CA_CERTS),
            timeout=timeout,
            max_retries=0,
        )
        connection = cls(url, client)
        try:
            connection._check_server()
        except InputError:
            connection.close()
            raise
        return connection

    def call(self, request: Callable[[OpenSearch], _Answer], *, attempts: int = _ATTEMPTS) -> _Answer:
        """Return the answer to a request; retry after random pauses if the server is overloaded or unreachable.

        Args:
            request: takes the client. It may be sent more than once.
            attempts: at most so many; the longest pause doubles after each of them.

        Raises:
            InputError: the server does not answer, or refuses the request.
        """
        # Processes that were refused together must not return together, also in containers with equal process ids. No
        # result depends on it.
        chance = np.random.default_rng([*os.urandom(8)])
        for attempt in range(attempts):
            try:
                return request(self.client)
            except OpenSearchException as error:
                if attempt == attempts - 1 or not _is_passing(error):
                    raise self.explain(error) from error
            time.sleep(chance.uniform(0, _FIRST_PAUSE * 2**attempt))
        raise AssertionError

    def explain(self, error: OpenSearchException) -> InputError:
        """Return a sentence for an error of the client."""
        return InputError(f"OpenSearch at {self.url} {_reason(error)}")

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _check_server(self) -> None:
        info: dict[str, Any] = self.call(lambda client: client.info())
        version = info.get("version", {})
        number, distribution = str(version.get("number", "unknown")), version.get("distribution")
        if distribution != "opensearch":
            raise InputError(
                f"The server at {self.url} is {distribution or 'not OpenSearch'} {number}: OpenSearch is needed."
            )
        if not _OLDEST <= _version(number) < _FIRST_UNKNOWN:
            raise InputError(f"OpenSearch at {self.url} has version {number}: 2.16 to 3 is needed.")
        plugins = self.call(lambda client: client.cat.plugins(params={"format": "json", "h": "component"}))
        if _PLUGIN not in {each["component"] for each in plugins}:
            raise InputError(f"OpenSearch at {self.url} lacks the plugin {_PLUGIN}: install it on the server.")


def check_parts(answers: Iterable[Mapping[str, Any]]) -> None:
    """Check the answers to the parts of one request, which the client does not: searches, or writes of documents.

    Args:
        answers: each with the `error` and the `status` of a refused part; a search also counts its `_shards`.

    Raises:
        TransportError: a part was refused, or answered by a part of its shards only. Of several, the one that passes
            comes last, so that what a retry cannot mend is named.
    """
    errors = [error for answer in answers if (error := _error_of_part(answer)) is not None]
    for error in sorted(errors, key=_is_passing):
        raise error


def _error_of_part(answer: Mapping[str, Any]) -> TransportError | None:
    if "error" in answer:
        reason = answer["error"]
        return TransportError(answer.get("status", "N/A"), reason.get("type"), reason)
    if answer.get("timed_out") or answer.get("_shards", {}).get("failed"):
        return TransportError(503, _PARTIAL, answer.get("_shards"))
    return None


def _check_url(url: str, *, with_password: bool) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise InputError(f"The URL of OpenSearch is not valid ({error}): use https://host:9200.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise InputError("The URL of OpenSearch must begin with http:// or https:// and name a host.")
    if parts.username or parts.password:
        raise InputError(f"The URL of OpenSearch must hold no password: set {USER} and {PASSWORD} instead.")
    if parts.scheme == "http" and with_password and host not in _LOOPBACK:
        raise InputError(f"A password is not sent to {host} without encryption: use an https:// URL.")


def _version(number: str) -> tuple[int, int]:
    major, _, rest = number.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def _is_passing(error: OpenSearchException) -> bool:
    if isinstance(error, SSLError):
        return False
    if isinstance(error, ConnectionError):
        return not isinstance(error, ConnectionTimeout)
    return isinstance(error, TransportError) and error.status_code in _PASSING and not _is_blocked(error)


def _is_blocked(error: TransportError) -> bool:
    return error.error == "cluster_block_exception" or "flood-stage" in str(error.info)


def _reason(error: OpenSearchException) -> str:
    """Return what is wrong and what to do, after the name of the server."""
    if isinstance(error, TransportError) and not isinstance(error, ConnectionError):
        return _reason_of_answer(error)
    for kind, reason in _WITHOUT_ANSWER.items():  # the special ones come first
        if isinstance(error, kind):
            return reason
    return f"answers what cannot be read ({type(error).__name__}): is it a proxy?"


def _reason_of_answer(error: TransportError) -> str:
    details = f"{error.error} {error.info}"
    for part, reason in _IN_ANSWER.items():
        if part in details:
            return reason
    known = _WITH_STATUS.get(str(error.status_code), "refuses the request: see the log of the server.")
    info = error.info.get("error", error.info) if isinstance(error.info, Mapping) else None
    reason = f": {info['reason']}" if isinstance(info, Mapping) and info.get("reason") else ""
    return f"{known[:-1]} (status {error.status_code}, {error.error}{reason})."


_WITHOUT_ANSWER: Final[dict[type[OpenSearchException], str]] = {
    ConnectionTimeout: "does not answer in time: look at its load, and try again.",
    SSLError: f"has a certificate that cannot be verified: set {CA_CERTS} to the file of its certification authority.",
    ConnectionError: f"cannot be reached: start it, or pass another --url or {URL}.",
}
_IN_ANSWER: Final = {
    "flood-stage": "writes nothing, because its disk is nearly full (flood-stage watermark): free space on the server.",
    "cluster_block_exception": "is read-only: remove the block of the cluster or of the index.",
    _PARTIAL: "answers with some of its shards only: look at the health of the cluster.",
    "invalid dimension": f"has vectors of another dimension: {BUILD}.",
}
_WITH_STATUS: Final = {
    "401": f"does not know the user: set {USER} and {PASSWORD}.",
    "403": "does not allow this to the user: give rights to the indexes.",
    "404": f"has no such index or alias: {BUILD}.",
}
