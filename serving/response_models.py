"""What responses contain, for the OpenAPI description; tests validate responses with these models."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

RequestId: TypeAlias = Annotated[str, Field(description="Also in the header x-request-id.")]
Took: TypeAlias = Annotated[
    dict[str, float],
    Field(description="Milliseconds of each stage; users that were computed together share all but the queue."),
]

Department: TypeAlias = Annotated[
    str | None, Field(description="Or the garment group; null if the catalogue has neither.")
]

_CANDIDATE: dict[str, Any] = {
    "item_id": "1082185",
    "name": "Bananas, 40 lb, brand 2 #3",
    "department": "Tropical fruit",
    "rank": 1,
    "ranking_score": 0.01,
    "score": -0.25,
    "retrieval_rank": 3,
    "sources": ["two_tower", "bought_often", "item_to_item"],
    "reasons": ["bought 14 times, last 3 days ago", "popular in Tropical fruit this week"],
}


class _Response(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Age(_Response):
    """The moment of some data, and its age."""

    as_of: datetime
    age_seconds: float


class Features(Age):
    """The features of a user.

    Present, stale (older than the service accepts as fresh), missing (unknown user), or unavailable (not read).
    """

    status: Literal["present", "missing", "stale", "unavailable"]


class Candidate(_Response):
    """One candidate."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CANDIDATE]})

    item_id: str
    name: str
    department: Department
    rank: Annotated[int, Field(description="From 1, in the final order.")]
    ranking_score: Annotated[float | None, Field(description="Log odds by the ranker; null in retrieval order.")]
    score: Annotated[
        float,
        Field(description="Score after blending, comparable within the list; units sold for users without purchases."),
    ]
    retrieval_rank: Annotated[int, Field(description="Rank before ranking.")]
    sources: Annotated[list[str], Field(description="The candidate sources that list the item.")]
    reasons: list[str]
    source_ranks: Annotated[list[int] | None, Field(description="With explain: the rank in each source.")] = None
    source_scores: Annotated[list[float] | None, Field(description="With explain: the score in each source.")] = None


class UserCandidates(_Response):
    """The candidates of one user or session."""

    user_id: Annotated[str | None, Field(description="Null for a session.")]
    cold: Annotated[bool, Field(description="Without a purchase history: the candidates are bestsellers.")]
    degraded: Annotated[
        bool, Field(description="The online store did not answer: the candidates are those of an unknown user.")
    ]
    features: Features
    items: list[Candidate]


class OneResponse(UserCandidates):
    """Candidates of one user or session."""

    request_id: RequestId
    release: str
    index: Age
    took_ms: Took


class RetrievedItem(_Response):
    """A candidate before filtering."""

    item_id: str
    name: str
    department: Department
    retrieval_rank: Annotated[int, Field(description="From 1, as if no filter were in force.")]
    score: float
    sources: list[str]
    excluded_by: Annotated[list[str], Field(description="Names of filters; `request` for the field exclude.")]


class StepCandidate(Candidate):
    """A candidate, with its rank without the purchase."""

    previous_rank: Annotated[int | None, Field(description="With buy: null if it was not among k.")] = None


class LeftItem(_Response):
    """An item that was among k candidates, and is no longer after the purchase."""

    item_id: str
    name: str
    department: Department
    previous_rank: int
    excluded_by: Annotated[list[str], Field(description="Names of filters; none if others took its place.")]


class StepsResponse(_Response):
    """The three steps of a request: retrieved, excluded and ranked items."""

    request_id: RequestId
    release: str
    index: Age
    took_ms: Took
    user_id: Annotated[str | None, Field(description="Null for a session.")]
    cold: Annotated[bool, Field(description="Without a purchase history: the candidates are bestsellers.")]
    degraded: Annotated[
        bool, Field(description="The online store did not answer: the candidates are those of an unknown user.")
    ]
    features: Features
    filters: Annotated[dict[str, str], Field(description="Why each filter in force excludes an item.")]
    retrieved: Annotated[list[RetrievedItem], Field(description="The first k before filtering.")]
    excluded: Annotated[list[RetrievedItem], Field(description="The first k excluded ones among all retrieved.")]
    items: Annotated[list[StepCandidate], Field(description="The k candidates in their final order.")]
    bought: Annotated[list[str], Field(description="What the user buys now.")]
    left: Annotated[list[LeftItem], Field(description="What the purchase removes from the list.")]


class UsersResponse(_Response):
    """Users whose id begins with some characters."""

    request_id: RequestId
    release: str
    prefix: str
    user_ids: Annotated[list[str], Field(description="Ascending.", examples=[["1001", "1002"]])]


class BatchCandidates(UserCandidates):
    """The candidates of one user of a batch."""

    release: Annotated[str, Field(description="The one that serves this user.")]


class BatchResponse(_Response):
    """Candidates of several users."""

    request_id: RequestId
    release: Annotated[str, Field(description="The one that serves the first user, as does index.")]
    index: Age
    took_ms: Took
    results: list[BatchCandidates]


class BoughtItem(_Response):
    """An item that a user bought."""

    item_id: str
    name: str
    department: Department
    purchases: int
    days_ago: Annotated[int, Field(description="Whole UTC days from the last purchase to the moment of the features.")]
    last_bought_on: Annotated[date, Field(description="UTC day of the last purchase.")]
    mean_price: Annotated[
        float | None, Field(description="Mean price of the item over all users; null if it was never sold.")
    ]


class HistoryResponse(_Response):
    """The items that a user bought, the last one first."""

    request_id: RequestId
    release: str
    index: Age
    user_id: str
    features: Features
    items: list[BoughtItem]


class SimilarItem(_Response):
    """An item that is similar to another one."""

    item_id: str
    name: str
    rank: int
    similarity: Annotated[float, Field(description="Cosine of the content part of the item vectors.")]


class SimilarResponse(_Response):
    """The items most similar to an item, under the filters of the release."""

    request_id: RequestId
    release: str
    index: Age
    item_id: str
    items: list[SimilarItem]


class EventResult(_Response):
    """What became of one event."""

    event_id: str
    duplicate: Annotated[bool, Field(description="It was sent before with the same content, and counts once.")]


class EventsResponse(_Response):
    """The events are on the disk."""

    request_id: RequestId
    release: str
    index: Age
    took_ms: Took
    in_effect: Annotated[
        bool,
        Field(description="The next request reflects them; otherwise a later one, because a store does not answer."),
    ]
    results: list[EventResult]


class Refused(_Response):
    """A release that was not activated."""

    version: str
    reason: str
    at: datetime


class Second(_Response):
    """A second release that serves a share of the users."""

    release: str
    share: float


class ReleaseResponse(_Response):
    """The release that serves."""

    request_id: RequestId
    release: str
    index: Age
    generation: Annotated[str, Field(description="Of the online store.")]
    features: Age
    items: int
    filters: dict[str, Any]
    active_since: datetime
    previous: Annotated[str | None, Field(description="The release that served before.")]
    refused: Refused | None
    second: Second | None


class Status(_Response):
    """Whether the service lives, or is ready."""

    status: str


class Problem(_Response):
    """What is wrong with a request."""

    code: Annotated[str, Field(examples=["invalid_request"])]
    message: Annotated[str, Field(examples=["k: Input should be greater than or equal to 1."])]


class ErrorResponse(_Response):
    """The body of every response that is not 200."""

    error: Problem
    request_id: RequestId
