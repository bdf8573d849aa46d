"""The last rows of users in the user tables, from their purchases alone: those that a build would write."""

from typing import Final

import duckdb
import pyarrow as pa

from features.schema import (
    EVENT_TIMESTAMP,
    MAX_BOUGHT_ITEMS,
    MAX_LATELY_ITEMS,
    MAX_RECENT_ITEMS,
    MAX_TASTES,
    USER_ID,
)  # fmt: skip
from features.tables import user_queries
from features.tables.feature_tables import PARAMETERS, date_purchases, read_batches

_ONE_BUCKET: Final = {"bucket": 0, "buckets": 1}
_BOUGHT: Final = "latest_bought"


def latest_user_rows(
    connection: duckdb.DuckDBPyConnection, purchases: pa.Table, items: pa.Table
) -> dict[str, pa.Table]:
    """Compute the rows of users as of the morning (00:00 UTC) after the last purchase of each.

    A build computes the same rows by the same SQL. Its later rows, where a window of days ends, are not among them.

    Args:
        connection: to a database of its own; the time grows with the number of purchases.
        purchases: all purchases of n users: `user_id`, `item_id`, `purchased_at`, `price` (float64), at least one each.
        items: `item_id`, `product_type_name`, `garment_group_name` and `department_name` of the purchased items, each
            once; items that are missing have no category.

    Returns:
        The tables by name, one row for each of the n users, in any order; in `user_earlier_items` only of users with
        more purchases than a list of bought items holds.
    """
    connection.register("purchases", purchases)
    connection.register("items", items)
    date_purchases(connection)
    [(horizon, most)] = connection.execute(
        "select max(day), max(purchases) from (select max(day) + 1 as day, count(*) as purchases "
        "from dated_purchases group by user_id)"
    ).fetchall()
    parameters = {**PARAMETERS, **_ONE_BUCKET, "horizon": horizon, "morning": "max(day)"}

    def compute(sql: str, **settings: object) -> pa.Table:
        return pa.Table.from_batches(read_batches(connection, [sql.format(**parameters, **settings)]))

    bought = compute(user_queries.BOUGHT_ITEMS, length=MAX_BOUGHT_ITEMS)
    connection.register(_BOUGHT, bought.select([USER_ID, EVENT_TIMESTAMP]))
    # Windows may end later, up to the last morning of another user.
    activity = (
        f"select activity.* from ({user_queries.ACTIVITY}) activity join {_BOUGHT} using (user_id, event_timestamp)"
    )
    connection.register(f"{_BOUGHT}_items", bought)
    tables = {
        "user_activity_daily": compute(activity),
        "user_bought_items_daily": bought,
        "user_recent_items_daily": compute(
            user_queries.RECENT_ITEMS, bought=f"{_BOUGHT}_items", length=MAX_RECENT_ITEMS
        ),
        "user_lately_items_daily": compute(user_queries.LATELY_ITEMS, length=MAX_LATELY_ITEMS),
        "user_tastes_daily": compute(user_queries.TASTES, length=MAX_TASTES),
    }
    if most >= MAX_BOUGHT_ITEMS:
        last = "qualify event_timestamp = max(event_timestamp) over (partition by user_id)"
        earlier = compute(f"select * from ({user_queries.EARLIER_ITEMS}) {last}", length=MAX_BOUGHT_ITEMS)
        tables["user_earlier_items"] = earlier
    for name in ("purchases", "items", _BOUGHT, f"{_BOUGHT}_items"):
        connection.unregister(name)
    return tables
