"""The purchases of an event log that the raw tables do not contain yet."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from features.event_log import read_logged_purchases
from features.schema import PURCHASED_AT
from features.tables.feature_tables import data_end, date_purchases
from features.text import counted

_LOGGED = "logged_purchases"
_USERS = (
    f"insert into users (user_id) select distinct user_id from {_LOGGED} anti join users using (user_id) order by 1"
)
_PURCHASES = f"insert into purchases by name select * from {_LOGGED}"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedPurchases:
    """What a build took from an event log.

    Attributes:
        added: purchases from the day after the last purchase of the raw tables on.
        covered: purchases until then, which the raw tables are taken to contain.
        digest: of the added purchases, in the order of the log; empty if there are none.
    """

    added: int = 0
    covered: int = 0
    digest: str = ""


def add_logged_purchases(connection: duckdb.DuckDBPyConnection, log: Path, latest: datetime | None) -> LoggedPurchases:
    """Add purchases of an event log to `purchases`, and their users to `users`, if they are missing there.

    The raw tables are the truth until the end (UTC) of the day of their last purchase: events of these days do not
    count, because the raw tables contain the same purchases. Days are taken whole: those of the day of `latest` wait
    for a later build. Otherwise the tables would hold a part of a day as if it were complete, and its later events
    would be refused.

    Args:
        connection: holds the tables, as `features.raw.raw_tables.load_raw_tables` creates them.
        log: the file.
        latest: UTC; None for all days of the log.

    Raises:
        InputError: the log does not exist or is damaged.
    """
    date_purchases(connection)
    before = latest and latest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    logged = read_logged_purchases(log, before)
    later = pc.greater_equal(logged[PURCHASED_AT], pa.scalar(data_end(connection), logged[PURCHASED_AT].type))
    covered = logged.num_rows - pc.sum(later).as_py() if logged.num_rows else 0
    logged = logged.filter(later)
    connection.register(_LOGGED, logged)
    [(unknown,)] = connection.execute(f"select count(*) from {_LOGGED} anti join items using (item_id)").fetchall()
    if unknown:
        _logger.warning(
            "%s of %s are of items that the raw tables lack, and do not count", counted(unknown, "purchase"), log
        )
        logged = connection.sql(f"select * from {_LOGGED} semi join items using (item_id)").to_arrow_table()
        connection.unregister(_LOGGED)
        connection.register(_LOGGED, logged)
    connection.execute(_USERS)
    connection.execute(_PURCHASES)
    [(digest,)] = connection.execute(f"select md5(string_agg(l::varchar, '|')) from {_LOGGED} l").fetchall()
    connection.unregister(_LOGGED)
    return LoggedPurchases(logged.num_rows, covered, digest or "")
