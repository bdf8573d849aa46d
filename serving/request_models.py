"""What requests may contain: unknown fields, wrong types and values out of range are refused."""

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from candidates.filters.settings import FilterSettings
from features.ids import MAX_ID_LENGTH, parse_id
from models.release.find_release import VERSION_PATTERN
from serving.limits import (
    MAX_BATCH,
    MAX_BATCH_CANDIDATES,
    MAX_EVENTS,
    MAX_EXCLUDED,
    MAX_K,
    MAX_PURCHASED_NOW,
    MAX_SESSION_ITEMS,
)

# Longer texts are refused before anything looks at them: blanks around an id do not count.
Id: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH), AfterValidator(parse_id)]
Version: TypeAlias = Annotated[str, Field(pattern=f"^{VERSION_PATTERN}$")]

_EXAMPLE_FILTERS: dict[str, Any] = {"already_bought": "drop", "blocked_categories": ["Swimwear"]}


class _Settings(BaseModel):
    """How candidates are selected, for one user or for several."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    k: Annotated[int, Field(ge=1, le=MAX_K, description="Candidates per user.")] = 100
    exclude: Annotated[
        list[Id],
        Field(max_length=MAX_EXCLUDED, description="Items that must not be returned; unknown ids are ignored."),
    ] = []
    filters: Annotated[
        FilterSettings | None,
        Field(description="Filters in force instead of those of the release.", examples=[_EXAMPLE_FILTERS]),
    ] = None
    channel: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_ID_LENGTH, description="Sales channel; replaces that of the filters."),
    ] = None
    explain: Annotated[bool, Field(description="Add the rank and the score of each candidate in each source.")] = False


class CandidateQuery(_Settings):
    """Candidates of one user, or of an anonymous session."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "1001", "k": 12},
                {"recent_items": ["1082185", "995242"], "k": 12, "exclude": ["995242"]},
                {"user_id": "1001", "k": 50, "filters": _EXAMPLE_FILTERS, "channel": "2", "explain": True},
            ]
        }
    )

    user_id: Annotated[Id | None, Field(description="A user; an unknown one gets bestsellers.")] = None
    recent_items: Annotated[
        list[Id] | None,
        Field(
            min_length=1,
            max_length=MAX_SESSION_ITEMS,
            description="Items of an anonymous session or a basket, the last one first, instead of a user.",
        ),
    ] = None

    @model_validator(mode="after")
    def _check_subject(self) -> Self:
        if (self.user_id is None) == (self.recent_items is None):
            raise ValueError("pass either user_id or recent_items")
        return self


class StepsQuery(CandidateQuery):
    """The three steps of a request for candidates, if wanted as if the user bought something now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "1001", "k": 12},
                {"user_id": "1001", "k": 12, "buy": ["1082185"], "filters": {"already_bought": "drop"}},
            ]
        }
    )

    buy: Annotated[
        list[Id],
        Field(
            max_length=MAX_PURCHASED_NOW,
            description="Items that the user buys now, the last one first. Nothing is written.",
        ),
    ] = []

    @model_validator(mode="after")
    def _check_buyer(self) -> Self:
        if self.buy and self.user_id is None:
            raise ValueError("buy needs user_id; put the items of a session in recent_items")
        return self


class BatchQuery(_Settings):
    """Candidates of several users with the same settings."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_ids": ["1001", "1002"], "k": 12}]})

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BATCH, description="Users, each once.")]

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if len(set(self.user_ids)) < len(self.user_ids):
            raise ValueError("user_ids holds a user twice")
        if len(self.user_ids) * self.k > MAX_BATCH_CANDIDATES:
            raise ValueError(
                f"{len(self.user_ids)} users with k = {self.k} are more than {MAX_BATCH_CANDIDATES:,} candidates: pass "
                "fewer users or a smaller k"
            )
        return self


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    event_id: Annotated[Id, Field(description="Chosen by the sender. An event that is sent again counts once.")]


class PurchaseQuery(_Event):
    """A purchase."""

    type: Literal["purchase"]
    user_id: Id
    item_id: Annotated[Id, Field(description="Of the catalogue.")]
    purchased_at: Annotated[
        AwareDatetime,
        Field(strict=False, description="With an offset. Not in the future, and after the moment of the features."),
    ]
    price: Annotated[float, Field(ge=0, lt=1e9, description="In the currency of the raw tables.")]
    sales_channel_id: Annotated[str | None, Field(min_length=1, max_length=MAX_ID_LENGTH)] = None


class ReversalQuery(_Event):
    """The reversal of a purchase that was sent as an event."""

    type: Literal["reversal"]
    reverses: Annotated[Id, Field(description="The event id of the purchase.")]


class EventsQuery(BaseModel):
    """Events: all are accepted, or none."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "type": "purchase",
                            "event_id": "order-4711-1",
                            "user_id": "1001",
                            "item_id": "1082185",
                            "purchased_at": "2018-01-02T09:30:00+00:00",
                            "price": 0.99,
                        }
                    ]
                },
                {"events": [{"type": "reversal", "event_id": "refund-4711-1", "reverses": "order-4711-1"}]},
            ]
        },
    )

    events: Annotated[
        list[Annotated[PurchaseQuery | ReversalQuery, Field(discriminator="type")]],
        Field(min_length=1, max_length=MAX_EVENTS),
    ]

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        ids = [event.event_id for event in self.events]
        if len(set(ids)) < len(ids):
            raise ValueError("events holds an event_id twice")
        return self


class ReleaseChange(BaseModel):
    """A return to an earlier release."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{}, {"version": "20180102-default-0da63ead"}]},
    )

    version: Annotated[
        Version | None, Field(description="The release to activate; by default the one before the present one.")
    ] = None


def describe_problems(problems: list[Any]) -> str:
    """Return one sentence about what pydantic found, at most three problems."""
    parts = []
    for problem in problems[:3]:
        place = ".".join(str(part) for part in problem["loc"][1:]) or str(problem["loc"][0])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown field"
        parts.append(f"{place[:80]}: {message[:200]}")
    more = len(problems) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "") + "."
