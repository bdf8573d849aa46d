"""The purchases of an event log that the raw tables do not contain yet."""

import logging
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.event_log import read_logged_purchases
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
        digest: of these purchases, in the order of the log; empty if there are none.
    """

    added: int
    digest: str


def add_logged_purchases(connection: duckdb.DuckDBPyConnection, log: Path) -> LoggedPurchases:
    """Add purchases of an event log to `purchases`, and their users to `users`, if they are missing there.

    The raw tables are the truth until the end (UTC) of the day of their last purchase: events of these days do not
    count, because the raw tables contain the same purchases.

    Args:
        connection: holds the tables, as `features.raw.raw_tables.load_raw_tables` creates them.
        log: the file.

    Raises:
        InputError: the log does not exist or is damaged.
    """
    date_purchases(connection)
    logged = read_logged_purchases(log, data_end(connection))
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
    return LoggedPurchases(logged.num_rows, digest or "")
