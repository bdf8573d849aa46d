"""A point-in-time join of the files of `synthetic_purchases.py` by one peer, measured in this process.

    python benchmarks/join_peers.py asof FOLDER

Prints JSON: seconds from the call to the Arrow table (or Parquet file), without imports; the process's peak memory
until then, with imports; the number of rows returned; and a sum of hashes that is equal for equal rows in any order.
Output and spill files go to the working directory.

`asof` and `raw` read the entity rows from a file; `asof-frame` and Feast's stores receive them as a pandas frame.
"""

import json
import time
from pathlib import Path
from typing import Any

import click
from processes import peak_gb

PEERS = ("raw", "asof", "asof-frame", "feast-duckdb", "feast-dask")
RESULT, SPILL = Path("result.parquet"), Path("spill")
TEXTS = {"club_member_status", "garment_group_name", "index_group_name"}
AMOUNTS = {"age", "spend_total", "revenue_total"}


@click.command()
@click.argument("peer", type=click.Choice(PEERS))
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", "target", default="arrow", show_default=True, type=click.Choice(["arrow", "parquet"]))
@click.option("--threads", default=2, show_default=True, help="DuckDB's threads, for raw and asof.")
@click.option("--memory-limit", default="8GB", show_default=True, help="DuckDB's memory, for raw and asof.")
def main(peer: str, folder: Path, target: str, threads: int, memory_limit: str) -> None:
    """Join the files in FOLDER by PEER, and print time, memory and rows."""
    settings = {"threads": threads, "memory_limit": memory_limit, "temp_directory": str(SPILL.absolute())}
    join = raw_join(folder, settings) if peer == "raw" else feast_join(peer, folder, settings)
    started = time.perf_counter()
    table = join(target)
    seconds = time.perf_counter() - started
    peak = peak_gb()
    rows, digest = digest_of(table)
    click.echo(json.dumps({"seconds": seconds, "peak_gb": peak, "rows_out": rows, "digest": digest}))


def raw_join(folder: Path, settings: dict[str, Any]) -> Any:
    """Return a join in hand-written SQL: chained as-of joins, without order, ties or checks."""
    import duckdb
    from synthetic_purchases import ENTITIES, VIEWS

    from features.sql import parquet_files

    entities = parquet_files([folder / f"{ENTITIES}.parquet"])
    features = ", ".join(f"{name}.{feature}" for name, view in VIEWS.items() for feature in view.features)
    joins = " ".join(
        f"ASOF LEFT JOIN {parquet_files([folder / f'{name}.parquet'])} AS {name} "
        f"ON e.{view.key} = {name}.{view.key} AND e.event_timestamp >= {name}.event_timestamp"
        for name, view in VIEWS.items()
    )
    query = f"SELECT e.*, {features} FROM {entities} AS e {joins}"
    connection = duckdb.connect(config=settings)

    def join(target: str) -> Any:
        if target == "arrow":
            return connection.sql(query).to_arrow_table()
        connection.execute(f"COPY ({query}) TO '{RESULT}'")
        return None

    return join


def feast_join(peer: str, folder: Path, settings: dict[str, Any]) -> Any:
    """Return the join of an offline store, as called by `FeatureStore.get_historical_features`."""
    import pyarrow.parquet as pq
    from feast import RepoConfig
    from feast.infra.offline_stores.offline_utils import get_offline_store_from_config
    from synthetic_purchases import ENTITIES, VIEWS

    from features.sql import parquet_files

    store = {"type": peer.removeprefix("feast-")}
    if peer.startswith("asof"):
        store = {"type": "features.asof_store.store.AsOfOfflineStore", **settings}
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry="registry.db",
        offline_store=store,
        entity_key_serialization_version=3,
    )
    config.repo_path = folder
    entities: Any = f"SELECT * FROM {parquet_files([folder / f'{ENTITIES}.parquet'])}"
    if peer != "asof":
        entities = pq.read_table(folder / f"{ENTITIES}.parquet").to_pandas()
    references = [f"{name}:{feature}" for name, view in VIEWS.items() for feature in view.features]
    views, offline = feature_views(folder), get_offline_store_from_config(config.offline_store)

    def join(target: str) -> Any:
        job = offline.get_historical_features(config, views, references, entities, _NoOnDemandViews(), "benchmark")
        if target == "arrow":
            return job.to_arrow()
        if peer.startswith("asof"):
            job.to_parquet(RESULT)
        else:
            pq.write_table(job.to_arrow(), RESULT)
        return None

    return join


def feature_views(folder: Path) -> list[Any]:
    """Declare the views for Feast."""
    from feast import Entity, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64, Int64, String
    from synthetic_purchases import VIEWS

    kinds = dict.fromkeys(TEXTS, String) | dict.fromkeys(AMOUNTS, Float64)
    return [
        FeatureView(
            name=name,
            entities=[Entity(name=view.key, join_keys=[view.key], value_type=ValueType.STRING)],
            schema=[
                Field(name=view.key, dtype=String),
                *(Field(name=feature, dtype=kinds.get(feature, Int64)) for feature in view.features),
            ],
            source=FileSource(
                path=str(folder / f"{name}.parquet"),
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
        for name, view in VIEWS.items()
    ]


def digest_of(table: Any) -> tuple[int, str]:
    """Return the number of rows and the sum of their hashes; None stands for the written file."""
    import duckdb
    from synthetic_purchases import VIEWS

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    if table is not None:
        connection.register("result", table)
    names = [feature for view in VIEWS.values() for feature in view.features]
    # Feast's stores return numbers with nulls as floating-point numbers, and nulls as NaN.
    values = [name if name in TEXTS else f"nullif({name}::DOUBLE, 'NaN'::DOUBLE)" for name in names]
    row = ", ".join(["user_id", "item_id", "epoch_us(event_timestamp::TIMESTAMPTZ)", *values])
    source = f"'{RESULT}'" if table is None else "result"
    [(rows, digest)] = connection.execute(f"SELECT count(*), sum(hash({row})::HUGEINT) FROM {source}").fetchall()
    return rows, str(digest)


class _NoOnDemandViews:
    """A registry without on-demand views; a retrieval needs nothing else of it."""

    def list_on_demand_feature_views(self, *_: Any, **__: Any) -> list[Any]:
        return []


if __name__ == "__main__":
    main()
