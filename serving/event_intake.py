"""The intake of purchase events: checked against the deployment that serves, and appended to the log."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from features.event_log import Event, EventConflictError, EventLog, PurchaseEvent, Reversal
from features.files import scratch_beside
from features.ids import shown_id
from features.locks import writer_lock
from serving.deployment import Deployment
from serving.errors import RequestError
from serving.request_models import EventsQuery, PurchaseQuery, ReversalQuery

_CLOCK_SKEW: Final = timedelta(minutes=5)

Outcome: TypeAlias = "list[bool] | RequestError"
"""Of one request: whether each event is new, or why none was accepted."""


@contextlib.contextmanager
def open_intake(path: Path | None) -> "Iterator[EventIntake | None]":
    """Yield an intake with the event log at a path, as its only writer; None without a path.

    Raises:
        InputError: another process writes the log, or it cannot be written.
    """
    if path is None:
        yield None
        return
    with (
        writer_lock(path, f"The event log {path}"),
        scratch_beside(path) as workspace,
        contextlib.closing(EventLog(path)) as log,
    ):
        yield EventIntake(log, workspace)


class EventIntake:
    """Accepts events.

    Args:
        log: of the events.
        workspace: a folder for the files of each generation of the online store.
    """

    def __init__(self, log: EventLog, workspace: Path) -> None:
        self.log, self.workspace = log, workspace

    def accept(self, queries: Sequence[EventsQuery], deployment: Deployment, now: datetime) -> list[Outcome]:
        """Append the events of several requests; when this returns, they are on the disk.

        Args:
            queries: the requests; of one all events are accepted or none.
            deployment: that serves. Its feature tables contain all earlier events.
            now: the present moment, UTC.

        Raises:
            InputError: the log cannot be written.
        """
        outcomes: list[Outcome] = [[]] * len(queries)
        accepted: list[int] = []
        for number, query in enumerate(queries):
            try:
                self._check(query, deployment, now)
                accepted.append(number)
            except RequestError as error:
                outcomes[number] = error
        appended = self.log.append([[_to_event(event) for event in queries[number].events] for number in accepted])
        for number, result in zip(accepted, appended, strict=True):
            if isinstance(result, EventConflictError):
                outcomes[number] = RequestError(409, "event_conflict", str(result))
            else:
                outcomes[number] = result
        return outcomes

    def _check(self, query: EventsQuery, deployment: Deployment, now: datetime) -> None:
        """Raise a RequestError if an event cannot be accepted now, unless it is in the log already."""
        covered = deployment.features_as_of
        for event in query.events:
            if isinstance(event, PurchaseQuery):
                if self.log.find_purchase(event.event_id) is not None:
                    continue  # a duplicate, or a conflict
                if event.purchased_at > now + _CLOCK_SKEW:
                    raise _in_future(event, now)
                moment = event.purchased_at
            else:
                purchase = self.log.find_purchase(event.reverses)
                if purchase is None or self.log.has(event.event_id):
                    continue
                moment = purchase.purchased_at
            if moment < covered:
                raise _too_old(event.event_id, moment, covered)
        items = [
            event.item_id
            for event in query.events
            if isinstance(event, PurchaseQuery) and not self.log.has(event.event_id)
        ]
        if missing := _unknown_items(items, deployment):
            raise RequestError(
                404,
                "unknown_item",
                f"The catalogue as of {_minute(covered)} has no item {shown_id(missing[0])}: add it to the raw tables, "
                "and build the feature tables again.",
            )


def _in_future(event: PurchaseQuery, now: datetime) -> RequestError:
    return RequestError(
        422,
        "event_in_future",
        f"Event {shown_id(event.event_id)} is of {_minute(event.purchased_at)}, and it is {_minute(now)}: send an "
        "event when it has happened.",
    )


def _too_old(event_id: str, moment: datetime, covered: datetime) -> RequestError:
    return RequestError(
        409,
        "event_too_old",
        f"Event {shown_id(event_id)} is about a purchase of {_minute(moment)}, and the feature tables contain all "
        f"purchases until {_minute(covered)}: correct the raw tables, and build the feature tables again.",
    )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _unknown_items(items: Sequence[str], deployment: Deployment) -> list[str]:
    ids = pa.array(items, pa.string())
    unknown: list[str] = ids.filter(pc.is_null(pc.index_in(ids, deployment.pipeline.catalogue.item_ids))).to_pylist()
    return unknown


def _to_event(query: PurchaseQuery | ReversalQuery) -> Event:
    if isinstance(query, PurchaseQuery):
        return PurchaseEvent(
            query.event_id, query.user_id, query.item_id, query.purchased_at, query.price, query.sales_channel_id
        )
    return Reversal(query.event_id, query.reverses)
