"""Synthetic purchases with the proportions of the H&M data, and four feature tables of them, as Parquet files.

    python benchmarks/synthetic_purchases.py --rows 672157 FOLDER

`entities.parquet` has one row per purchase, ordered by day. A user has 23 purchases on average and at most 1,900, an
item 301 sales on average and at most 50,000 (fewer for small numbers of rows). Timestamps are dates over two years, and
ids are as long as those of the H&M data. Days of purchases are independent, without baskets, so histories are longer
than in the H&M data.

`user_activity` and `item_sales` have one row per user or item and active day, visible from the next day on;
`user_profile` and `item_catalog` have one row per user or item, from before the first purchase on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import pyarrow as pa

from features.sql import literal

ENTITIES = "entities"
HM_ROWS, HM_USERS, HM_ITEMS, DAYS = 31_788_324, 1_371_980, 105_542, 734
MAX_PER_USER, MAX_PER_ITEM = 1_900, 50_000
FIRST_DAY = "TIMESTAMPTZ '2018-09-20'"
USER_ID = "sha256(user_number::VARCHAR) AS user_id"
ITEM_ID = "format('{:010d}', 108775000 + item_number) AS item_id"


@dataclass(frozen=True)
class View:
    """Key and requested features of a feature view."""

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
    write_files(folder, rows, seed)


def write_files(folder: Path, rows: int, seed: int) -> None:
    """Write the entity rows and one file per view; the number of rows of the H&M data needs 5 GB of memory."""
    config = {"memory_limit": "4GB", "temp_directory": str(folder / "spill")}
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("sampled", sample_purchases(rows, seed))
        connection.execute("CREATE TABLE purchases AS FROM sampled")
        connection.unregister("sampled")
        for name, query in queries().items():
            connection.execute(f"COPY ({query}) TO {literal((folder / f'{name}.parquet').absolute())}")


def sample_purchases(rows: int, seed: int) -> pa.Table:
    """Sample user_number, item_number, day and price of each purchase, ordered by day."""
    generator = np.random.default_rng(seed)
    users, items = max(20, rows * HM_USERS // HM_ROWS), max(20, rows * HM_ITEMS // HM_ROWS)
    max_per_user, max_per_item = min(MAX_PER_USER, rows // 50), min(MAX_PER_ITEM, rows * 3 // 40)
    return pa.table(
        {
            "user_number": _sample(generator, rows, max_per_user, generator.lognormal(0, 1.2, users - 1)),
            "item_number": _sample(generator, rows, max_per_item, 1 / np.arange(31, items + 30) ** 0.8),
            "day": np.sort(generator.integers(0, DAYS, rows, np.int32)),
            "price": generator.integers(5, 100, rows) / 1000,
        }
    )


def _sample(generator: np.random.Generator, rows: int, most: int, weights: Any) -> Any:
    """Sample 0 exactly `most` times and other numbers in proportion to their weights, but less often, shuffled."""
    weights = np.minimum(weights, 0.8 * most / (rows - most) * weights.sum())
    rest = generator.choice(np.arange(1, weights.size + 1, dtype=np.int32), size=rows - most, p=weights / weights.sum())
    numbers = np.concatenate([np.zeros(most, np.int32), rest])
    generator.shuffle(numbers)
    return numbers


def queries() -> dict[str, str]:
    """Return the SQL of each file. Ids are created last, because sorting numbers takes less memory."""
    timestamp = f"{FIRST_DAY} + to_days(day::INTEGER) AS event_timestamp"
    constant = f"{FIRST_DAY} AS event_timestamp, {FIRST_DAY} AS created_timestamp"
    return {
        ENTITIES: f"SELECT {USER_ID}, {ITEM_ID}, {timestamp} FROM purchases",
        "user_activity": _activity("user_number", USER_ID, "purchases", "spend"),
        "item_sales": _activity("item_number", ITEM_ID, "sales", "revenue"),
        "user_profile": f"SELECT {USER_ID}, (hash(user_number) % 60 + 18)::DOUBLE AS age, "
        f"'ACTIVE' AS club_member_status, {constant} FROM (SELECT DISTINCT user_number FROM purchases)",
        "item_catalog": f"SELECT {ITEM_ID}, 'Group ' || hash(item_number) % 21 AS garment_group_name, "
        f"'Index ' || hash(item_number) % 5 AS index_group_name, {constant} "
        "FROM (SELECT DISTINCT item_number FROM purchases)",
    }


def _activity(number: str, key: str, count: str, amount: str) -> str:
    week = f"PARTITION BY {number} ORDER BY day RANGE BETWEEN 6 PRECEDING AND CURRENT ROW"
    total = f"PARTITION BY {number} ORDER BY day"
    timestamps = f"{FIRST_DAY} + to_days(day::INTEGER + 1) AS event_timestamp, event_timestamp AS created_timestamp"
    return (
        f"SELECT {key}, {count}_7d, {count}_total, {amount}_total, {timestamps} FROM ("
        f"SELECT {number}, day, (sum(n) OVER ({week}))::BIGINT AS {count}_7d, "
        f"(sum(n) OVER ({total}))::BIGINT AS {count}_total, sum(amount) OVER ({total}) AS {amount}_total "
        f"FROM (SELECT {number}, day, count(*) AS n, sum(price) AS amount FROM purchases GROUP BY ALL) ORDER BY day)"
    )


if __name__ == "__main__":
    main()
