"""The outer layer of the service: request ids, the API key, body size, deadlines, metrics and the log of requests."""

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import RequestError, error_response
from serving.limits import MAX_BODY_BYTES, Limits
from serving.metrics import Metrics

KEY_HEADER: Final = "x-api-key"
ID_HEADER: Final = "x-request-id"
PAGE: Final = "/"
WITHOUT_KEY: Final = frozenset({PAGE, "/healthz", "/readyz"})  # the page holds no data, only a field for the key
ACTIVATION: Final = "/v1/release"
REQUEST_ID: Final = "request_id"
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_logger = logging.getLogger(__name__)


class Guard:
    """Passes on requests that may be served, and answers all others.

    Args:
        app: the application.
        limits: of requests.
        metrics: counts requests.
        api_key: that each request must have, except for health, readiness and the page; None for none.
        new_id: makes the ids of requests that bring none.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, metrics: Metrics, api_key: str | None, new_id: Callable[[], str]
    ) -> None:
        self._app, self._limits, self._metrics, self._new_id = app, limits, metrics, new_id
        self._key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        request_id = self._request_id(scope)
        scope.setdefault("state", {})[REQUEST_ID] = request_id

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (ID_HEADER.encode(), request_id.encode())]
            await send(message)

        try:
            await self._handle(scope, receive, send_with_id)
        except RequestError as error:
            if status == 0:
                await error_response(error, request_id)(scope, receive, send_with_id)
        except Exception:
            _logger.exception("request %s failed", request_id)
            if status == 0:
                failure = RequestError(500, "internal", "The request failed: the log of the service has the cause.")
                await error_response(failure, request_id)(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            # The path of the route, not that of the request, which may hold the id of a user.
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.count_request(_method(scope), route, status, seconds)
            fields = {"request_id": request_id, "method": _method(scope), "route": route, "status": status}
            _logger.info("request", extra={"fields": {**fields, "milliseconds": round(seconds * 1_000, 3)}})
            _logger.debug("request %s has the path %r", request_id, scope["path"])

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check_key(scope)
        changes_release = scope["path"] == ACTIVATION and scope["method"] == "POST"
        deadline = self._limits.activation_deadline if changes_release else self._limits.deadline
        try:
            async with asyncio.timeout(deadline):
                body = await _read_body(scope, receive)
                await self._app(scope, _replay(body), send)
        except TimeoutError as error:
            raise RequestError(504, "deadline", f"The request took longer than {deadline:g} s.") from error

    def _check_key(self, scope: Scope) -> None:
        if self._key is None or scope["path"] in WITHOUT_KEY:
            return
        if not hmac.compare_digest(_header(scope, KEY_HEADER), self._key):
            raise RequestError(
                401, "unauthorized", f"Pass the API key in the header {KEY_HEADER}.", {"WWW-Authenticate": "ApiKey"}
            )

    def _request_id(self, scope: Scope) -> str:
        given = _header(scope, ID_HEADER).decode("latin-1")
        return given if _VALID_ID.fullmatch(given) else self._new_id()


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """Read a body of limited size."""
    too_large = RequestError(413, "too_large", f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
    declared = _header(scope, "content-length")
    if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "incomplete", "The body of the request is incomplete.")
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > MAX_BODY_BYTES:
            raise too_large
    return b"".join(parts)


def _replay(body: bytes) -> Receive:
    """Return a `receive` that hands over a body that was read already."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _header(scope: Scope, name: str) -> bytes:
    wanted = name.encode()
    return next((bytes(value) for key, value in scope["headers"] if key == wanted), b"")


def _method(scope: Scope) -> str:
    """Return the method of a request, or "other": clients may invent methods, and each would be a series."""
    method: str = scope["method"]
    return method if method in {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} else "other"
