"""Peak memory from the feature store to the training batches, at several numbers of purchases.

    .venv/bin/python benchmarks/training_stream.py

For each size: seeded raw tables with H&M's proportions, feature tables and `feast apply`. Then, in one process each,
the joins (purchases; query, item and sampled catalogue features, to files) and the stream (vocabularies, codes, and all
batches of one epoch, without a model). Prints seconds and peak memory of both, and the growth of memory with rows. The
joins may use the memory that feature_store.yaml allows DuckDB; the stream holds one window of days.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from full_size import write_raw_tables
from processes import peak_gb

from jobs.console import ROOT, commit

_CUSTOMERS_PER_PURCHASE = 1_371_980 / 31_788_324
_BIN = Path(sys.executable).parent


@click.command()
@click.option("--purchases", "sizes", multiple=True, type=int, default=(1_000_000, 4_000_000), show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--run", hidden=True, type=click.Choice(["join", "stream"]))
@click.option("--folder", hidden=True, type=click.Path(path_type=Path))
def main(sizes: tuple[int, ...], seed: int, run: str | None, folder: Path | None) -> None:
    """Print seconds and peak memory of joins and stream at each size."""
    if run and folder:
        result = join(folder, seed) if run == "join" else stream(folder, seed)
        print(json.dumps({**result, "peak_gb": peak_gb()}))
        return
    (ROOT / "build").mkdir(exist_ok=True)
    peaks = []
    for purchases in sizes:
        with tempfile.TemporaryDirectory(prefix="training-stream-", dir=ROOT / "build") as name:
            project = prepare(Path(name), purchases, seed)
            joined, streamed = (run_step(step, project, seed) for step in ("join", "stream"))
        peaks.append(streamed["peak_gb"])
        print(
            f"{purchases:>10,} purchases, {joined['queries']:,} queries, {joined['sampled']:,} sampled items: "
            f"joined in {joined['seconds']:.0f} s, peak {joined['peak_gb']:.2f} GB; {streamed['batches']:,} batches "
            f"streamed in {streamed['seconds']:.0f} s, peak {streamed['peak_gb']:.2f} GB"
        )
    print(
        f"stream: {sizes[-1] / sizes[0]:.1f} x the rows, {peaks[-1] / peaks[0]:.2f} x the memory; "
        f"seed {seed}, commit {commit()}"
    )


def prepare(folder: Path, purchases: int, seed: int) -> Path:
    """Build and apply a project of this size, and return its folder."""
    raw, repo = folder / "raw", folder / "feature_repo"
    raw.mkdir()
    customers = int(purchases * _CUSTOMERS_PER_PURCHASE)
    write_raw_tables(raw, purchases=purchases, customers=customers, articles=105_542, seed=seed)
    shutil.copytree(ROOT / "feature_repo", repo, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, str(ROOT / "jobs" / "build_features.py"), "--raw-dir", str(raw)]
    for command in (
        [*build, "--output", str(folder / "data" / "features")],
        [str(_BIN / "feast"), "-c", str(repo), "apply"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(raw)
    return folder


def run_step(step: str, folder: Path, seed: int) -> dict[str, Any]:
    """Run one step in a process, and return its result."""
    command = [sys.executable, __file__, "--run", step, "--folder", str(folder), "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    if process.wait():
        raise click.ClickException(f"{step} failed")
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def join(folder: Path, seed: int) -> dict[str, Any]:
    """Write the training set of the default preset, of all days."""
    import numpy as np

    from features.store.data_end import data_end
    from features.store.registry import open_feature_store, tower_schemas
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases
    from features.training_data.training_set import write_training_sets
    from models.config import DEFAULT

    started = time.perf_counter()
    store = open_feature_store(folder / "feature_repo")
    split = TimeSplit.for_release(data_end(store))
    schemas = tower_schemas(store, DEFAULT.query_service, DEFAULT.item_service)
    purchases = write_purchases(store, split, folder)
    [rows] = write_training_sets(
        store, schemas, purchases, [split], folder, settings=DEFAULT, seed=seed, progress=lambda *_: lambda _: None
    )
    np.savez(
        folder / "days.npz",
        queries=rows.queries_per_day,
        purchases=rows.purchases_per_day,
        sampled=rows.sampled_per_day,
        catalogue=rows.catalogue_sizes,
    )
    (folder / "schemas.json").write_text(json.dumps([schemas.query.to_json(), schemas.item.to_json()]))
    counts = {"queries": rows.queries.num_rows, "sampled": rows.sampled_items.num_rows}
    return {**counts, "seconds": time.perf_counter() - started}


def stream(folder: Path, seed: int) -> dict[str, Any]:
    """Fit the encodings, encode, and iterate over the batches of one epoch."""
    import numpy as np

    import models  # noqa: F401 - chooses Keras 2
    from features.parquet_rows import ParquetRows
    from features.store.service_schema import ServiceSchema, TowerSchemas
    from features.training_data.training_set import TrainingSet
    from models.config import DEFAULT
    from models.encoding import Encodings
    from models.training.batches import Batches
    from models.training.encoded_set import EncodedSet

    started = time.perf_counter()
    schemas = TowerSchemas(*map(ServiceSchema.from_json, json.loads((folder / "schemas.json").read_text())))
    days = np.load(folder / "days.npz", allow_pickle=False)
    queries, items, sampled = (
        ParquetRows((folder / f"{name}-0.parquet",)) for name in ("queries", "items", "sampled_items")
    )
    counts = (days[name] for name in ("queries", "purchases", "sampled", "catalogue"))
    rows = TrainingSet(queries, items, sampled, *counts)
    encodings = Encodings.fit(schemas, rows.queries, rows.candidates)
    encoded = EncodedSet.write(rows, encodings, folder / "codes", shares_of_day=True)
    batches = sum(1 for _ in Batches(encoded, DEFAULT).dataset(1, seed))
    return {"batches": batches, "seconds": time.perf_counter() - started}


if __name__ == "__main__":
    main()
