"""Raw tables whose rows from a moment on are altered: later purchases are deleted or permuted.

Availability rows of later days are deleted in both cases. Those of the moment's own day stay, because features as of
the end of that day are compared too and may contain them.
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

# Windowed features are written up to the morning after the last purchase. A moment must have an earlier purchase on its
# own day or on the day before; otherwise deleting the later purchases would shorten the windows known at the moment.
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
_AVAILABLE: Final = "create or replace table availability as select * from all_availability where since < {tomorrow}"
# Moments stay. Items and prices are permuted among purchases, and users among baskets, so that each user keeps a
# realistic number of shopping days. Tables are sorted and joined by position, because sorts spill and windows do not.
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
class AlteredData:
    """The typed raw tables in a database on disk, original and altered.

    Attributes:
        connection: holds `users`, `items`, `all_purchases` and `all_availability`; after an alteration also `purchases`
            and `availability`.
    """

    connection: duckdb.DuckDBPyConnection

    @classmethod
    @contextlib.contextmanager
    def load(
        cls, raw_dir: Path, folder: Path, *, memory_limit: str, latest: datetime | None = None
    ) -> Iterator["AlteredData"]:
        """Load the raw tables; invalid rows are quarantined, as they are by `build_features --quarantine`.

        Args:
            raw_dir: folder of the raw tables.
            folder: for the database and what it spills.
            memory_limit: of DuckDB, such as "4GB".
            latest: UTC, moment after which purchases are invalid, as for the build; None allows every moment.

        Raises:
            InputError: the raw tables or the memory limit are invalid.
        """
        connection = raw_database(folder, memory_limit)
        try:
            load_raw_tables(connection, raw_dir, quarantine=folder / "quarantine.csv", latest=latest)
            for table in ("purchases", "availability"):
                connection.execute(f"alter table {table} rename to all_{table}")
            yield cls(connection)
        finally:
            connection.close()

    def draw_moments(self, number: int, *, seed: int) -> list[datetime]:
        """Draw moments of purchases from the middle of the data, ascending, UTC.

        Args:
            number: of moments; fewer are returned if there are fewer.
            seed: of the draw.

        Raises:
            InputError: there is none.
        """
        first, last = _MIDDLE
        moments = self.connection.execute(_MOMENTS.format(first=first, last=last)).fetchnumpy()["purchased_at"]
        if len(moments) == 0:
            raise InputError(
                "No moment can be drawn: in the middle of the data, no two purchases are on one day or on successive "
                "days."
            )
        drawn = np.random.default_rng(seed).choice(len(moments), size=min(number, len(moments)), replace=False)
        return [moment.replace(tzinfo=UTC) for moment in moments[np.sort(drawn)].astype("datetime64[us]").tolist()]

    def write_altered(
        self, alteration: Alteration, moment: datetime, folder: Path, *, seed: int, progress: Progress
    ) -> int:
        """Write the feature tables of the data altered from a moment on.

        Args:
            alteration: of the purchases at or after `moment`.
            moment: UTC.
            folder: an empty folder for the tables.
            seed: of the permutation.
            progress: opens a progress bar.

        Returns:
            The number of altered purchases.
        """
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        values = {
            "moment": timestamp_literal(moment),
            "tomorrow": timestamp_literal(midnight + timedelta(days=1)),
            "seed": seed,
        }
        self.connection.execute(_ALTERED[alteration].format(**values))
        self.connection.execute(_AVAILABLE.format(**values))
        advance = progress(f"purchases {alteration}", 1)
        write_feature_tables(self.connection, folder)
        advance(1)
        [(count,)] = self.connection.execute(
            "select count(*) from all_purchases where purchased_at >= {moment}".format(**values)
        ).fetchall()
        return int(count)
