"""The HTTP application: paths, and the description of their requests and responses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Scope

from features.errors import InputError
from features.ids import MAX_ID_LENGTH, parse_id
from serving.errors import RequestError, error_response, json_response, unknown_item
from serving.guard import ACTIVATION, PAGE, REQUEST_ID, Guard
from serving.inspector_page import Page
from serving.limits import MAX_FOUND_USERS, MAX_HISTORY, MAX_K
from serving.request_models import BatchQuery, CandidateQuery, EventsQuery, ReleaseChange, StepsQuery, describe_problems
from serving.response_models import (
    BatchResponse,
    ErrorResponse,
    EventsResponse,
    HistoryResponse,
    OneResponse,
    ReleaseResponse,
    SimilarResponse,
    Status,
    StepsResponse,
    UsersResponse,
)
from serving.service import Service

_TITLE: Final = "feast-two-tower"
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_TEXTS: Final = {
    400: "Not valid JSON.",
    401: "The API key is missing or wrong.",
    404: "The release or the catalogue lacks the item, or the service accepts no events.",
    409: "The release cannot be activated, or the event contradicts the log or is older than the features.",
    413: "The body is too large.",
    422: "A field is unknown, has the wrong type or is out of range.",
    503: "Overloaded, or the features cannot be read; try again after the seconds in Retry-After.",
    504: "The deadline has passed.",
}
_ALWAYS: Final = (401, 413, 422, 503, 504)
_PathId = Annotated[str, Path(min_length=1, max_length=MAX_ID_LENGTH), AfterValidator(parse_id)]


def create_app(service: Service, api_key: str | None, new_id: Callable[[], str]) -> ASGIApp:
    """Return the application; the service starts and stops with it.

    Args:
        service: answers requests.
        api_key: that requests must have, except for health and readiness; None for none.
        new_id: makes the ids of requests that bring none.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await asyncio.to_thread(service.stop)

    # The pages with interactive documentation would load scripts from elsewhere.
    app = FastAPI(title=_TITLE, version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    _add_candidates(app, service)
    _add_events(app, service)
    _add_lookups(app, service)
    _add_release(app, service)
    _add_operation(app, service)
    _add_page(app)
    _add_errors(app)
    return Guard(app, service.limits, service.metrics, api_key, new_id)


def _add_candidates(app: FastAPI, service: Service) -> None:
    @app.post("/v1/candidates", tags=["candidates"], responses=_responses(OneResponse, 400))
    async def candidates(request: Request, query: CandidateQuery) -> Response:
        """Return the candidates of one user, or of an anonymous session."""
        return _answer(request, await service.candidates(query))

    @app.post("/v1/candidates:batch", tags=["candidates"], responses=_responses(BatchResponse, 400))
    async def batch(request: Request, query: BatchQuery) -> Response:
        """Return the candidates of several users with the same settings."""
        return _answer(request, await service.batch(query))

    @app.post("/v1/candidates:steps", tags=["candidates"], responses=_responses(StepsResponse, 400, 404))
    async def steps(request: Request, query: StepsQuery) -> Response:
        """Return retrieved, excluded and ranked items of a request, if wanted as if the user bought something now."""
        return _answer(request, await service.steps(query))


def _add_events(app: FastAPI, service: Service) -> None:
    @app.post("/v1/events", tags=["events"], responses=_responses(EventsResponse, 400, 404, 409))
    async def events(request: Request, query: EventsQuery) -> Response:
        """Accept purchases and reversals; the next request for candidates of their users reflects them."""
        return _answer(request, await service.events(query))


def _add_lookups(app: FastAPI, service: Service) -> None:
    @app.get("/v1/users", tags=["candidates"], responses=_responses(UsersResponse))
    async def users(
        request: Request,
        prefix: Annotated[str, Query(max_length=MAX_ID_LENGTH)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_FOUND_USERS)] = 20,
    ) -> Response:
        """Return users whose id begins with a prefix, from the feature tables."""
        return _answer(request, await service.users(prefix, limit))

    # `path` lets ids hold slashes.
    @app.get("/v1/users/{user_id:path}/history", tags=["candidates"], responses=_responses(HistoryResponse))
    async def history(
        request: Request, user_id: _PathId, limit: Annotated[int, Query(ge=1, le=MAX_HISTORY)] = 100
    ) -> Response:
        """Return the items that a user bought, the last one first; none for an unknown user."""
        return _answer(request, await service.history(user_id, limit))

    @app.get("/v1/items/{item_id:path}/similar", tags=["candidates"], responses=_responses(SimilarResponse, 404))
    async def similar(request: Request, item_id: _PathId, k: Annotated[int, Query(ge=1, le=MAX_K)] = 20) -> Response:
        """Return the items whose content vectors are most similar to that of an item."""
        found = await service.similar_items(item_id, k)
        if found is None:
            raise unknown_item(service.switch.current.version, item_id)
        return _answer(request, found)


def _add_release(app: FastAPI, service: Service) -> None:
    @app.get(ACTIVATION, tags=["release"], responses=_responses(ReleaseResponse))
    async def release(request: Request) -> Response:
        """Return which release serves, since when, which one served before, and which one was refused."""
        return _answer(request, service.release())

    @app.post(ACTIVATION, tags=["release"], responses=_responses(ReleaseResponse, 400, 409))
    async def change(request: Request, change: ReleaseChange) -> Response:
        """Return to the previous release, or activate one by name; the response comes when it serves."""
        try:
            await asyncio.to_thread(service.switch.activate, change.version)
        except InputError as error:
            raise RequestError(409, "not_activated", str(error)) from error
        return _answer(request, service.release())


def _add_page(app: FastAPI) -> None:
    page = Page.read()

    @app.get(PAGE, include_in_schema=False)
    async def show() -> Response:
        """Return the page; it holds no data, only a field for the API key."""
        return page.respond()


def _add_operation(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["operation"], responses=_responses(Status))
    async def health() -> Response:
        """Return 200 as long as the process answers."""
        return json_response({"status": "alive"})

    @app.get("/readyz", tags=["operation"], responses=_responses(Status))
    async def readiness() -> Response:
        """Return 200 if requests can be served, if need be without the features of users, else 503."""
        return json_response({"status": await asyncio.to_thread(service.check_ready)})

    @app.get("/metrics", tags=["operation"], responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Return metrics in the text format of Prometheus."""
        return Response(service.metrics.render(), media_type=_METRICS_TYPE)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def answer(request: Request, error: RequestError) -> Response:
        return error_response(error, _request_id(request))

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        problems = [*error.errors()]
        if any(problem["type"] == "json_invalid" for problem in problems):
            return error_response(_invalid_json(), _request_id(request))
        return error_response(RequestError(422, "invalid_request", describe_problems(problems)), _request_id(request))

    @app.exception_handler(HTTPException)
    async def answer_http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:  # the only one that FastAPI raises
            return error_response(_invalid_json(), _request_id(request))
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        message = f"{request.method} of this path: {error.detail}; /openapi.json describes what is served."
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of one route, and a path may have several
            headers["Allow"] = ", ".join(sorted(_methods(app, request.scope)))
        failed = RequestError(error.status_code, code, message, headers)
        return error_response(failed, _request_id(request))


def _methods(app: FastAPI, scope: Scope) -> set[str]:
    """Return the methods of all routes of a path."""
    routes = (route for route in app.routes if isinstance(route, Route) and route.matches(scope)[0] != Match.NONE)
    return {method for route in routes for method in route.methods or ()}


def _invalid_json() -> RequestError:
    return RequestError(400, "invalid_json", "The body is not valid JSON.")


def _responses(model: Any, *others: int) -> dict[int | str, dict[str, Any]]:
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorResponse, "description": _TEXTS[status]} for status in sorted({*_ALWAYS, *others})
    }
    return {200: {"model": model}, **errors}


def _answer(request: Request, content: dict[str, Any]) -> Response:
    return json_response({REQUEST_ID: _request_id(request), **content})


def _request_id(request: Request) -> str:
    request_id: str = request.scope["state"][REQUEST_ID]
    return request_id
