"""The raw tables with another future: what was bought from a moment on is deleted, or dealt out anew.

What the shop has planned for later days is not known in such a world either. A plan for the moment's own day stays: it
holds from an hour of that day on, and the features as of the day's end, which are asked for too, rightly tell it.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import duckdb
import numpy as np

from features.errors import InputError
from features.progress import Progress
from features.raw.raw_tables import load_raw_tables
from features.sql import timestamp_literal
from features.tables.build import raw_database
from features.tables.feature_tables import write_feature_tables

Alteration = Literal["deleted", "permuted"]
ALTERATIONS: Final[tuple[Alteration, ...]] = ("deleted", "permuted")

_MIDDLE: Final = (0.2, 0.95)

# Nothing is known of the days after the last purchase: their windows were never written. So a moment needs a purchase
# before it on its own day or on the day before, or what is known at it would differ without that purchase's future.
_MOMENTS = """
    select purchased_at from (
        select purchased_at, lag(purchased_at) over (order by purchased_at) as previous,
               percent_rank() over (order by purchased_at) as share
        from (select distinct purchased_at from all_purchases)
    )
    where share between {first} and {last} and previous >= date_trunc('day', purchased_at) - interval 1 day
    order by purchased_at
"""
_DELETED = "create or replace table purchases as select * from all_purchases where purchased_at < {moment}"
_PLANNED: Final = "create or replace table availability as select * from all_availability where since < {tomorrow}"
# Moments stay; items and prices are dealt out among them, and users among baskets, so that nobody shops on every day.
# Tables are sorted and laid side by side, because sorts spill and windows do not.
_PERMUTED = """
    create or replace table future as select * from all_purchases where purchased_at >= {moment};
    create or replace table shuffled_items as
        select item_id from future order by hash(rowid, {seed}, 'item'), rowid;
    create or replace table shuffled_prices as
        select price, sales_channel_id from future order by hash(rowid, {seed}, 'price'), rowid;
    create or replace table baskets as
        select distinct user_id, purchased_at from future order by purchased_at, user_id;
    create or replace table shuffled_users as
        select user_id as other_user from baskets order by hash(rowid, {seed}, 'user'), rowid;
    create or replace table purchases as
        select * from all_purchases where purchased_at < {moment}
        union all by name
        select other_user as user_id, item_id, purchased_at, price, sales_channel_id
        from (
            select user_id, purchased_at, shuffled_items.item_id, shuffled_prices.*
            from future positional join shuffled_items positional join shuffled_prices
        ) join (from baskets positional join shuffled_users) using (user_id, purchased_at);
    drop table future; drop table shuffled_items; drop table shuffled_prices; drop table baskets;
    drop table shuffled_users;
"""
_ALTERED: Final[dict[Alteration, str]] = {"deleted": _DELETED, "permuted": _PERMUTED}


@dataclass(frozen=True)
class RawWorld:
    """The typed raw tables in a database on disk, all purchases and plans among them.

    Attributes:
        connection: holds `users`, `items`, `all_purchases` and `all_availability`, and `purchases` and `availability`
            once there was an alteration.
    """

    connection: duckdb.DuckDBPyConnection

    @classmethod
    @contextlib.contextmanager
    def loaded(cls, raw_dir: Path, folder: Path, *, memory_limit: str) -> Iterator["RawWorld"]:
        """Let the raw tables through the door; rows that cannot be used are set aside, as they were in the build.

        Args:
            raw_dir: folder of the raw tables.
            folder: where the database lies and spills.
            memory_limit: of DuckDB, such as "4GB".

        Raises:
            InputError: the raw tables cannot be used, or the memory limit is not one.
        """
        connection = raw_database(folder, memory_limit)
        try:
            load_raw_tables(connection, raw_dir, quarantine=folder / "quarantine.csv")
            for table in ("purchases", "availability"):
                connection.execute(f"alter table {table} rename to all_{table}")
            yield cls(connection)
        finally:
            connection.close()

    def moments(self, number: int, *, seed: int) -> list[datetime]:
        """Draw moments at which something was bought, out of the middle of the data, ascending, UTC.

        Args:
            number: how many; fewer if there are no more.
            seed: of the draw.

        Raises:
            InputError: there is none.
        """
        first, last = _MIDDLE
        moments = self.connection.execute(_MOMENTS.format(first=first, last=last)).fetchnumpy()["purchased_at"]
        if len(moments) == 0:
            raise InputError(
                "No moment to look from: in the middle of the purchases no two lie on one day or on successive days."
            )
        drawn = np.random.default_rng(seed).choice(len(moments), size=min(number, len(moments)), replace=False)
        return [moment.replace(tzinfo=UTC) for moment in moments[np.sort(drawn)].astype("datetime64[us]").tolist()]

    def write_altered(
        self, alteration: Alteration, moment: datetime, folder: Path, *, seed: int, progress: Progress
    ) -> int:
        """Write the feature tables of a world with another future.

        Args:
            alteration: what becomes of the purchases at or after `moment`.
            moment: the end of what both worlds share, UTC.
            folder: an empty folder for the tables.
            seed: of the permutation.
            progress: makes a progress callback from a label and a total.

        Returns:
            How many purchases were altered.
        """
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        words = {
            "moment": timestamp_literal(moment),
            "tomorrow": timestamp_literal(midnight + timedelta(days=1)),
            "seed": seed,
        }
        self.connection.execute(_ALTERED[alteration].format(**words))
        self.connection.execute(_PLANNED.format(**words))
        done = progress(f"purchases {alteration}", 1)
        write_feature_tables(self.connection, folder)
        done(1)
        [(count,)] = self.connection.execute(
            "select count(*) from all_purchases where purchased_at >= {moment}".format(**words)
        ).fetchall()
        return int(count)
