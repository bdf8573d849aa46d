"""Purchases with H&M's proportions, and what four feature views know of them, as Parquet files.

    python benchmarks/purchase_world.py --rows 672157 FOLDER

`entities.parquet` has one row for each purchase, in the order of days. 23 purchases a user on average and one user with
1,900, 301 sales an item on average and one item with 50,000 (fewer in a small world), nobody and nothing with more;
stamps by the day over two years; ids as long as H&M's. A purchase's day is its own: there are no baskets, so histories
are longer than H&M's.

`user_activity` and `item_sales` have one row for each user or item and active day, stamped the morning after;
`user_profile` and `item_catalog` one for each user or item, stamped before the first purchase.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import pyarrow as pa

ENTITIES = "entities"
HM_ROWS, HM_USERS, HM_ITEMS, DAYS = 31_788_324, 1_371_980, 105_542, 734
MOST_OF_A_USER, MOST_OF_AN_ITEM = 1_900, 50_000
FIRST_DAY = "TIMESTAMPTZ '2018-09-20'"
USER_ID = "sha256(user_number::VARCHAR) AS user_id"
ITEM_ID = "format('{:010d}', 108775000 + item_number) AS item_id"


@dataclass(frozen=True)
class View:
    """A feature view's key and the features that are asked of it."""

    key: str
    features: tuple[str, ...]


VIEWS = {
    "user_activity": View("user_id", ("purchases_7d", "purchases_total", "spend_total")),
    "item_sales": View("item_id", ("sales_7d", "sales_total", "revenue_total")),
    "user_profile": View("user_id", ("age", "club_member_status")),
    "item_catalog": View("item_id", ("garment_group_name", "index_group_name")),
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--rows", default=672_157, show_default=True, help="Purchases.")
@click.option("--seed", default=0, show_default=True)
def main(folder: Path, rows: int, seed: int) -> None:
    """Write the files into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    write_world(folder, rows, seed)


def write_world(folder: Path, rows: int, seed: int) -> None:
    """Write the entity rows and one file for each view; 5 GB of memory are enough for all of H&M's rows."""
    config = {"memory_limit": "4GB", "temp_directory": str(folder / "spill")}
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("drawn", drawn_purchases(rows, seed))
        connection.execute("CREATE TABLE purchases AS FROM drawn")
        connection.unregister("drawn")
        for name, query in queries().items():
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet'")


def drawn_purchases(rows: int, seed: int) -> pa.Table:
    """Who bought what on which day at which price, in the order of days."""
    generator = np.random.default_rng(seed)
    users, items = max(20, rows * HM_USERS // HM_ROWS), max(20, rows * HM_ITEMS // HM_ROWS)
    most_of_a_user, most_of_an_item = min(MOST_OF_A_USER, rows // 50), min(MOST_OF_AN_ITEM, rows * 3 // 40)
    return pa.table(
        {
            "user_number": _drawn(generator, rows, most_of_a_user, generator.lognormal(0, 1.2, users - 1)),
            "item_number": _drawn(generator, rows, most_of_an_item, 1 / np.arange(31, items + 30) ** 0.8),
            "day": np.sort(generator.integers(0, DAYS, rows, np.int32)),
            "price": generator.integers(5, 100, rows) / 1000,
        }
    )


def _drawn(generator: np.random.Generator, rows: int, most: int, weights: Any) -> Any:
    """Number 0 exactly `most` times, the numbers after it by their weights, but less often, in any order."""
    weights = np.minimum(weights, 0.8 * most / (rows - most) * weights.sum())
    rest = generator.choice(np.arange(1, weights.size + 1, dtype=np.int32), size=rows - most, p=weights / weights.sum())
    numbers = np.concatenate([np.zeros(most, np.int32), rest])
    generator.shuffle(numbers)
    return numbers


def queries() -> dict[str, str]:
    """What each file holds, in terms of `purchases`. Ids are made last: sorting numbers takes less memory."""
    stamp = f"{FIRST_DAY} + to_days(day::INTEGER) AS event_timestamp"
    since_ever = f"{FIRST_DAY} AS event_timestamp, {FIRST_DAY} AS created_timestamp"
    return {
        ENTITIES: f"SELECT {USER_ID}, {ITEM_ID}, {stamp} FROM purchases",
        "user_activity": _activity("user_number", USER_ID, "purchases", "spend"),
        "item_sales": _activity("item_number", ITEM_ID, "sales", "revenue"),
        "user_profile": f"SELECT {USER_ID}, (hash(user_number) % 60 + 18)::DOUBLE AS age, "
        f"'ACTIVE' AS club_member_status, {since_ever} FROM (SELECT DISTINCT user_number FROM purchases)",
        "item_catalog": f"SELECT {ITEM_ID}, 'Group ' || hash(item_number) % 21 AS garment_group_name, "
        f"'Index ' || hash(item_number) % 5 AS index_group_name, {since_ever} "
        "FROM (SELECT DISTINCT item_number FROM purchases)",
    }


def _activity(number: str, identity: str, many: str, amount: str) -> str:
    week = f"PARTITION BY {number} ORDER BY day RANGE BETWEEN 6 PRECEDING AND CURRENT ROW"
    ever = f"PARTITION BY {number} ORDER BY day"
    known = f"{FIRST_DAY} + to_days(day::INTEGER + 1) AS event_timestamp, event_timestamp AS created_timestamp"
    return (
        f"SELECT {identity}, {many}_7d, {many}_total, {amount}_total, {known} FROM ("
        f"SELECT {number}, day, (sum(n) OVER ({week}))::BIGINT AS {many}_7d, "
        f"(sum(n) OVER ({ever}))::BIGINT AS {many}_total, sum(amount) OVER ({ever}) AS {amount}_total "
        f"FROM (SELECT {number}, day, count(*) AS n, sum(price) AS amount FROM purchases GROUP BY ALL) ORDER BY day)"
    )


if __name__ == "__main__":
    main()
