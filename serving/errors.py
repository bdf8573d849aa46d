"""Errors of requests, all in one format."""

from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json
from starlette.responses import Response

from features.ids import shown_id

RETRY_SECONDS: Final = 1


@dataclass
class RequestError(Exception):
    """A request that is not served.

    Attributes:
        status: HTTP status.
        code: what is wrong, for programs.
        message: what is wrong and what to do, for people.
        headers: of the response.
    """

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


def overloaded(message: str, code: str = "overloaded") -> RequestError:
    """Return the error for a request that may succeed a moment later."""
    return RequestError(503, code, message, {"Retry-After": str(RETRY_SECONDS)})


def unknown_item(release: str, item_id: str) -> RequestError:
    """Return the error for an item that a release lacks."""
    return RequestError(404, "unknown_item", f"Release {release} has no item {shown_id(item_id)}.")


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response with JSON-ready content."""
    return Response(to_json(content), status, headers, "application/json")


def error_response(error: RequestError, request_id: str) -> Response:
    """Return the response for an error."""
    content = {"error": {"code": error.code, "message": error.message}, "request_id": request_id}
    return json_response(content, error.status, error.headers)
