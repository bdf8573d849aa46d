"""The features of users with purchases in the event log, pushed to the online store.

The feature tables hold whole days, and so do pushed rows: those of a user are the ones that the next build writes for
the morning after the user's last purchase, and a request of this user is computed as of that morning. All other users,
and all items, stay as of the generation of the online store.
"""

import shutil
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import pyarrow as pa

from features.event_log import EventLog
from features.schema import ITEM_ID, PRICE, PURCHASED_AT
from features.store.purchases_by_user import PurchasesByUser
from features.store.pushed_rows import PushedRows
from features.store.request_services import CANDIDATE_ITEMS
from features.tables.latest_user_rows import CATEGORY_COLUMNS, latest_user_rows
from pipelines.serving import CandidatePipeline

_USERS_PER_PUSH: Final = 256

Categories: TypeAlias = Mapping[str, tuple[str | None, ...]]


class PushedEvents:
    """Keeps the pushed rows of one generation of the online store up to date with an event log; for one thread.

    Args:
        log: of the purchase events.
        moment: of the generation, UTC; earlier events are in the feature tables.
        purchases: up to that moment.
        pushed: receives the rows.
        categories: of the catalogue, see `latest_user_rows`.
    """

    def __init__(
        self, log: EventLog, moment: datetime, purchases: PurchasesByUser, pushed: PushedRows, categories: Categories
    ) -> None:
        self._log, self._moment, self._purchases, self._pushed = log, moment, purchases, pushed
        self._categories, self._applied = categories, 0

    @classmethod
    def open(cls, pipeline: CandidatePipeline, log: EventLog, workspace: Path) -> Self:
        """Push the rows of all users with events since the moment of a pipeline, which reads them from then on.

        Args:
            pipeline: reads online features.
            log: of the purchase events.
            workspace: a folder for files that last as long as the result.

        Raises:
            InputError: the table of purchases cannot be read, or the registry has no push sources.
            OnlineStoreUnavailableError: the online store does not answer.
        """
        store, moment = pipeline.reader.store, pipeline.moment
        folder = Path(tempfile.mkdtemp(prefix="generation-", dir=workspace))
        purchases = PurchasesByUser.write(store, moment, folder)
        pushed = PushedRows.open(store, folder)
        events = cls(log, moment, purchases, pushed, item_categories(pipeline))
        weakref.finalize(events, shutil.rmtree, folder, ignore_errors=True)
        events.apply()
        pipeline.reader.read_pushed(pushed)
        return events

    @property
    def pending(self) -> bool:
        """Whether there are events since the last call of `apply`."""
        return self._log.last_sequence != self._applied

    def apply(self) -> int:
        """Push the rows of the users whose events are new since the last call, and return their number.

        Raises:
            InputError: the log or the store cannot be used; the next call tries the same users again.
        """
        last = self._log.last_sequence
        users = self._log.users_after(self._applied)
        for start in range(0, len(users), _USERS_PER_PUSH):
            self._push(users[start : start + _USERS_PER_PUSH])
        self._applied = last
        return len(users)

    def purchases_of(self, user_id: str) -> pa.Table:
        """Return the purchases of a user: of the feature tables, and those of the log."""
        return self._add_known(user_id, self._log.purchases(self._moment, [user_id]))

    def _push(self, users: list[str]) -> None:
        rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        without_events = []
        for user in users:
            events = self._log.purchases(self._moment, [user])
            if not events.num_rows:  # all are reversed, or in the feature tables
                without_events.append(user)
                continue
            purchases = self._add_known(user, events)
            items, prices = (purchases[name].to_pylist() for name in (ITEM_ID, PRICE))
            moments = purchases[PURCHASED_AT].cast(pa.int64()).to_pylist()
            for name, row in latest_user_rows(user, items, moments, prices, self._categories).items():
                rows[name].append(row)
        self._pushed.push(rows)
        self._pushed.forget(without_events)

    def _add_known(self, user_id: str, events: pa.Table) -> pa.Table:
        rows = self._purchases.of([user_id])
        return pa.concat_tables([rows, events.select(rows.column_names)])


def item_categories(pipeline: CandidatePipeline) -> Categories:
    """The categories of each item of the catalogue, see `latest_user_rows`."""
    features = pipeline.catalogue.features[CANDIDATE_ITEMS]
    columns = (features[name].to_pylist() for name in CATEGORY_COLUMNS.values())
    return dict(zip(features[ITEM_ID].to_pylist(), zip(*columns, strict=True), strict=True))
