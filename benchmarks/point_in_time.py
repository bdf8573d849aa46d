"""Point-in-time joins: this project's store, Feast's two, and hand-written DuckDB SQL as the floor, on the same files.

    python benchmarks/point_in_time.py
    python benchmarks/point_in_time.py --rows 10000 --peer raw --peer asof

Purchases are drawn with H&M's proportions: 23 purchases a user on average and one user with up to 1,900, an item sold
up to 50,000 times, stamps by the day over two years, ids as long as theirs. Four views: user activity and item sales
with one row for each user or item and active day, stamped the morning after; user profile and item catalogue.

Every peer runs in a process of its own, which is stopped after --limit-seconds or beyond --limit-gb. Seconds run from
the call to the Arrow table (or Parquet file), imports not counted. Peak memory is the process's, imports included.
`asof` and `raw` read the entity rows from their file, `asof-frame` and Feast's stores get them as a pandas frame.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

PEERS = ("raw", "asof", "asof-frame", "feast-duckdb", "feast-dask")
VIEWS = {
    "user_activity": ("user_id", ["purchases_7d", "purchases_total", "spend_total"]),
    "item_sales": ("item_id", ["sales_7d", "sales_total", "revenue_total"]),
    "user_profile": ("user_id", ["age", "club_member_status"]),
    "item_catalog": ("item_id", ["garment_group_name", "index_group_name"]),
}
CHECKED = ("purchases_7d", "purchases_total", "sales_7d", "sales_total", "age")
HM_ROWS, HM_USERS, HM_ITEMS, DAYS = 31_788_324, 1_371_980, 105_542, 734
MOST_OF_A_USER, MOST_OF_AN_ITEM = 1_900, 50_000


@click.command()
@click.option("--rows", multiple=True, default=(10_000, 100_000), show_default=True, help="Entity rows; repeatable.")
@click.option("--peer", "peers", multiple=True, default=PEERS, show_default=True, type=click.Choice(PEERS))
@click.option("--to", "target", default="arrow", show_default=True, type=click.Choice(["arrow", "parquet"]))
@click.option("--repeats", default=1, show_default=True, help="Runs of each peer; the fastest counts.")
@click.option("--threads", default=2, show_default=True, help="DuckDB's threads, for raw and asof.")
@click.option("--memory-limit", default="8GB", show_default=True, help="DuckDB's memory, for raw and asof.")
@click.option("--limit-seconds", default=600, show_default=True, help="A peer that takes longer is stopped.")
@click.option("--limit-gb", default=20.0, show_default=True, help="A peer that needs more memory is stopped.")
@click.option("--seed", default=0, show_default=True, help="Seed of the purchases.")
@click.option("--output", default=None, type=click.Path(path_type=Path), help="JSON file for the results.")
@click.option("--run", hidden=True, default=None, type=click.Choice(PEERS))
@click.option("--folder", hidden=True, default=None, type=click.Path(path_type=Path))
def main(
    *,
    rows: tuple[int, ...],
    peers: tuple[str, ...],
    target: str,
    repeats: int,
    threads: int,
    memory_limit: str,
    limit_seconds: int,
    limit_gb: float,
    seed: int,
    output: Path | None,
    run: str | None,
    folder: Path | None,
) -> None:
    """Print seconds, peak memory and lost rows of each peer, and its ratio to raw DuckDB SQL."""
    if run and folder:
        click.echo(json.dumps(measured(run, folder, target, threads, memory_limit)))
        return
    results = []
    click.echo(f"{'rows':>10}  {'peer':<13} {'seconds':>8} {'to floor':>8} {'peak GB':>8} {'lost rows':>9}  answer")
    for count in rows:
        with tempfile.TemporaryDirectory(prefix="point_in_time_") as name:
            write_world(Path(name), count, seed)
            runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
            for _ in range(repeats):  # peers take turns, so that other load on the machine meets all of them
                for peer in peers:
                    command = ["--run", peer, "--folder", name, "--to", target]
                    command += ["--threads", str(threads), "--memory-limit", memory_limit]
                    runs[peer].append(watched(command, limit_seconds, limit_gb))
            best = {peer: min(found, key=lambda run: run.get("seconds", float("inf"))) for peer, found in runs.items()}
            for peer in peers:
                results.append(described(best[peer], best.get("raw", {}), count, peer))
                click.echo(line(results[-1]))
    if output:
        settings = {"target": target, "threads": threads, "memory_limit": memory_limit, "seed": seed}
        output.write_text(json.dumps({**settings, "results": results}, indent=2) + "\n", encoding="utf-8")


def watched(arguments: list[str], limit_seconds: int, limit_gb: float) -> dict[str, Any]:
    """Run this script in a process of its own, and stop it at a limit."""
    import psutil

    started = time.monotonic()
    with (
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as warned,
        subprocess.Popen([sys.executable, __file__, *arguments], stdout=said, stderr=warned) as process,
    ):
        peak = 0.0
        while process.poll() is None:
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1e9)
            except psutil.NoSuchProcess:
                break
            reason = "time" if time.monotonic() - started > limit_seconds else "memory" if peak > limit_gb else ""
            if reason:
                process.kill()
                return {"stopped": f"stopped: over its limit of {reason}", "peak_gb": peak}
            time.sleep(0.02)
        said.seek(0)
        warned.seek(0)
        if process.wait() != 0:
            return {"stopped": "failed: " + warned.read().decode().strip().splitlines()[-1], "peak_gb": peak}
        answer: dict[str, Any] = json.loads(said.read().decode().strip().splitlines()[-1])
        return {**answer, "peak_gb": peak}


def described(result: dict[str, Any], floor: dict[str, Any], rows: int, peer: str) -> dict[str, Any]:
    """A result with what it was asked, what it lost, and how it compares with the floor."""
    described_: dict[str, Any] = {"rows": rows, "peer": peer, **result}
    if "seconds" in result:
        described_["lost"] = rows - result["rows_out"]
        if "seconds" in floor:
            described_["ratio"] = result["seconds"] / floor["seconds"]
            described_["same"] = result["sums"] == floor["sums"]
    return described_


def line(result: dict[str, Any]) -> str:
    """One line of the table."""
    start = f"{result['rows']:>10,}  {result['peer']:<13}"
    if "stopped" in result:
        return f"{start} {'-':>8} {'-':>8} {result['peak_gb']:8.2f} {'-':>9}  {result['stopped']}"
    ratio = f"{result['ratio']:8.2f}" if "ratio" in result else f"{'-':>8}"
    same = {True: "same", False: "DIFFERENT", None: "-"}[result.get("same")]
    return f"{start} {result['seconds']:8.2f} {ratio} {result['peak_gb']:8.2f} {result['lost']:>9,}  {same}"


def write_world(folder: Path, rows: int, seed: int) -> None:
    """Write `entities.parquet`, the purchases, and one file for each view."""
    import duckdb
    import numpy as np
    import pyarrow as pa

    generator = np.random.default_rng(seed)

    def drawn(names: int, most: int, weights: Any) -> Any:
        rest = generator.choice(names - 1, size=rows - most, p=weights / weights.sum()) + 1
        return generator.permutation(np.concatenate([np.zeros(most, rest.dtype), rest]))

    users, items = max(20, rows * HM_USERS // HM_ROWS), max(20, rows * HM_ITEMS // HM_ROWS)
    most_of_a_user, most_of_an_item = min(MOST_OF_A_USER, rows // 50), min(MOST_OF_AN_ITEM, rows * 3 // 40)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register(
        "drawn",
        pa.table(
            {
                "buyer": drawn(users, most_of_a_user, generator.lognormal(0, 1.2, users - 1)),
                "article": drawn(items, most_of_an_item, 1 / np.arange(11, items + 10) ** 0.8),
                "day": generator.integers(0, DAYS, rows),
                "price": generator.integers(5, 100, rows) / 1000,
            }
        ),
    )
    connection.execute(
        "CREATE TABLE purchases AS SELECT sha256(buyer::VARCHAR) AS user_id, "
        "format('{:010d}', 108775000 + article) AS item_id, day, price FROM drawn ORDER BY day"
    )
    stamp = "TIMESTAMPTZ '2018-09-20' + to_days(day::INTEGER{}) AS event_timestamp"

    def write(name: str, query: str) -> None:
        connection.execute(f"COPY ({query}) TO '{folder / name}.parquet'")

    write("entities", f"SELECT user_id, item_id, {stamp.format('')} FROM purchases")
    for name, key, many, amount in (
        ("user_activity", "user_id", "purchases", "spend"),
        ("item_sales", "item_id", "sales", "revenue"),
    ):
        week = f"PARTITION BY {key} ORDER BY day RANGE BETWEEN 6 PRECEDING AND CURRENT ROW"
        ever = f"PARTITION BY {key} ORDER BY day"
        known = stamp.format(" + 1")
        write(
            name,
            f"SELECT {key}, (sum(n) OVER ({week}))::BIGINT AS {many}_7d, (sum(n) OVER ({ever}))::BIGINT AS "
            f"{many}_total, sum(amount) OVER ({ever}) AS {amount}_total, {known}, event_timestamp AS created_timestamp "
            f"FROM (SELECT {key}, day, count(*) AS n, sum(price) AS amount FROM purchases GROUP BY ALL) "
            "ORDER BY event_timestamp",
        )
    first = "TIMESTAMPTZ '2018-09-20' AS event_timestamp, TIMESTAMPTZ '2018-09-20' AS created_timestamp"
    for name, key, columns in (
        ("user_profile", "user_id", "(hash(user_id) % 60 + 18)::DOUBLE AS age, 'ACTIVE' AS club_member_status"),
        (
            "item_catalog",
            "item_id",
            "'Group ' || hash(item_id) % 21 AS garment_group_name, 'Index ' || hash(item_id) % 5 AS index_group_name",
        ),
    ):
        write(name, f"SELECT DISTINCT {key}, {columns}, {first} FROM purchases")


def measured(peer: str, folder: Path, target: str, threads: int, memory_limit: str) -> dict[str, Any]:
    """Join the views by one peer: seconds, rows, and sums of features to compare."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    out = folder / f"{peer}.parquet"
    spill = str(folder / "spill")
    if peer == "raw":
        import duckdb

        connection = duckdb.connect(config={"threads": threads, "memory_limit": memory_limit, "temp_directory": spill})
        query = raw_sql(folder)
        started = time.perf_counter()
        if target == "parquet":
            connection.execute(f"COPY ({query}) TO '{out}'")
        else:
            table = connection.sql(query).to_arrow_table()
        seconds = time.perf_counter() - started
    else:
        settings = {"threads": threads, "memory_limit": memory_limit, "temp_directory": spill}
        started, job = feast_job(peer, folder, settings)
        if target == "parquet" and peer.startswith("asof"):
            job.to_parquet(out)
        else:
            table = job.to_arrow()
            if target == "parquet":
                pq.write_table(table, out)
        seconds = time.perf_counter() - started
    if target == "parquet":
        table = pq.read_table(out)
    sums = {name: float(pc.sum(table[name]).as_py()) for name in CHECKED}
    return {"seconds": seconds, "rows_out": table.num_rows, "sums": sums}


def raw_sql(folder: Path) -> str:
    """What one would write by hand: as-of joins in a chain, without order, ties or checks."""
    features = ", ".join(f"{view}.{name}" for view, (_, names) in VIEWS.items() for name in names)
    joins = " ".join(
        f"ASOF LEFT JOIN '{folder / view}.parquet' AS {view} "
        f"ON e.{key} = {view}.{key} AND e.event_timestamp >= {view}.event_timestamp"
        for view, (key, _) in VIEWS.items()
    )
    return f"SELECT e.*, {features} FROM '{folder / 'entities'}.parquet' AS e {joins}"


def feast_job(peer: str, folder: Path, settings: dict[str, Any]) -> tuple[float, Any]:
    """When the clock started, and a retrieval job of one of the stores."""
    import pyarrow.parquet as pq
    from feast import Entity, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.infra.offline_stores.offline_utils import get_offline_store_from_config
    from feast.types import Float64, Int64, String

    types = {"age": Float64, "club_member_status": String, "spend_total": Float64, "revenue_total": Float64}
    types |= {"garment_group_name": String, "index_group_name": String}
    views = [
        FeatureView(
            name=name,
            entities=[Entity(name=key, join_keys=[key], value_type=ValueType.STRING)],
            schema=[Field(name=key, dtype=String), *(Field(name=f, dtype=types.get(f, Int64)) for f in features)],
            source=FileSource(
                path=str(folder / f"{name}.parquet"),
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
        for name, (key, features) in VIEWS.items()
    ]
    store: dict[str, Any] = {"type": peer.removeprefix("feast-")}
    if peer.startswith("asof"):
        store = {"type": "features.asof_store.AsOfOfflineStore", **settings}
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store=store,
        entity_key_serialization_version=3,
    )
    config.repo_path = folder
    entities: Any = f"SELECT * FROM '{folder / 'entities'}.parquet'"
    if peer != "asof":
        entities = pq.read_table(folder / "entities.parquet").to_pandas()
    refs = [f"{name}:{feature}" for name, (_, features) in VIEWS.items() for feature in features]
    offline = get_offline_store_from_config(config.offline_store)
    started = time.perf_counter()
    return started, offline.get_historical_features(config, views, refs, entities, _NoRegistry(), "benchmark")


class _NoRegistry:
    def list_on_demand_feature_views(self, *_: Any, **__: Any) -> list[Any]:
        return []


if __name__ == "__main__":
    main()
