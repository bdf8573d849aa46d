"""How fast the default preset trains beside the seed preset, and exact evaluation beside TFRS' FactorizedTopK.

    .venv/bin/python benchmarks/training.py

Needs the demo's feature tables (`make data features apply`). Both presets are joined over the same days; each takes
`--steps` steps after a warm-up, alternating; the median of `--repeats` is compared in examples (purchases) a second.
Then the same vectors are judged over the whole catalogue twice: by TFRS' FactorizedTopK, batch by batch as it is
documented, and by this project's exact search. Prints two Markdown tables with ratios.
"""

import statistics
import tempfile
import time
from pathlib import Path

import click
from tabulate import tabulate

from jobs.console import FEATURE_REPO, commit, load_tensorflow

_WARM_UP = 20


@click.command()
@click.option("--repo", type=click.Path(path_type=Path, file_okay=False), default=FEATURE_REPO, show_default=True)
@click.option("--days", type=click.IntRange(1), default=28, show_default=True, help="Days that are trained on.")
@click.option("--steps", type=click.IntRange(1), default=60, show_default=True, help="Steps of each measurement.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def main(repo: Path, days: int, steps: int, repeats: int, seed: int) -> None:
    """Measure both in one run, and print ratios."""
    load_tensorflow()
    with tempfile.TemporaryDirectory() as name:
        runs = {preset: Speed(preset, repo, days, seed, Path(name)) for preset in ("seed", "default")}
        rates: dict[str, list[float]] = {preset: [] for preset in runs}
        for _ in range(repeats):
            for preset, run in runs.items():
                rates[preset].append(run.examples_per_second(steps))
        median = {preset: statistics.median(values) for preset, values in rates.items()}
        rows = [
            [preset, run.config.dimensions, run.config.batch_size, f"{median[preset]:,.0f}",
             f"{median[preset] / median['seed']:.2f}"]
            for preset, run in runs.items()
        ]  # fmt: skip
        print(tabulate(rows, ["preset", "dimensions", "batch", "examples/s", "ratio to seed"], tablefmt="github"))
        theirs, ours, users, items = evaluation_seconds(runs["default"], repeats)
    print()
    rows = [
        ["TFRS FactorizedTopK", f"{theirs:.2f}", "1.0"],
        ["exact search, embedded once", f"{ours:.2f}", f"{theirs / ours:.1f}"],
    ]
    print(tabulate(rows, [f"top 100 of {items:,} for {users:,} users", "seconds", "times as fast"], tablefmt="github"))
    print(f"\n{days} days, seed {seed}, {steps} steps, median of {repeats}, commit {commit()}")


class Speed:
    """One preset, ready to take steps."""

    def __init__(self, preset: str, repo: Path, days: int, seed: int, folder: Path) -> None:
        from dataclasses import replace

        from features.data_end import data_end
        from features.dataset import write_dataset
        from features.feature_store import open_feature_store, tower_schemas
        from features.time_split import TimeSplit
        from models.batches import Batches
        from models.config import PRESETS
        from models.encoded_set import EncodedSet
        from models.encoding import Encodings
        from models.training import Towers, optimizer, training_step
        from models.two_tower import TwoTower

        self.config = replace(PRESETS[preset], training_days=days)
        store = open_feature_store(repo)
        schemas = tower_schemas(store, self.config.query_service, self.config.item_service)
        split = TimeSplit.ending(data_end(store), training_days=days)
        place = folder / preset
        place.mkdir()
        self.data = write_dataset(
            store, schemas, split, place, sampled_per_day=self.config.sampled_per_day, seed=seed,
            progress=lambda *_: lambda _: None,
        )  # fmt: skip
        rows = self.data.training
        encodings = Encodings.fitted(schemas, rows.queries, rows.candidates)
        encoded = EncodedSet.written(rows, encodings, place / "codes", shares_of_day=self.config.day_batches)
        model = TwoTower(encodings.query, encodings.item, self.config)
        model.compile(optimizer=optimizer(self.config))
        self.towers = Towers(model, encodings.query, encodings.item)
        batches = Batches(encoded, self.config)
        self._step = training_step(model, batches)
        self._batches = iter(batches.dataset(1, seed).repeat())
        for _ in range(_WARM_UP):
            self._step(next(self._batches))

    def examples_per_second(self, steps: int) -> float:
        """Purchases a second, reading of batches included."""
        started, purchases = time.perf_counter(), 0
        for _ in range(steps):
            batch = next(self._batches)
            self._step(batch)
            purchases += len(batch["row"])
        return purchases / (time.perf_counter() - started)


def evaluation_seconds(run: Speed, repeats: int) -> tuple[float, float, int, int]:
    """Median seconds of both ways to find everybody's top 100, from features to positions; users and items."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    from models.training import parts
    from retrieval.item_index import ItemIndex

    asked, towers = run.data.validation, run.towers
    users, items = asked.queries.num_rows, asked.catalogue.num_rows
    codes = towers.item.codes(asked.catalogue)
    queries, _ = towers.query_vectors(asked.queries)
    candidates = tf.data.Dataset.from_tensor_slices(codes).batch(4_096).map(towers.model.item_tower)
    bought = np.random.default_rng(0).integers(items, size=users)  # whatever was bought, it takes as long
    true = np.concatenate([towers.model.item_tower(part).numpy() for part in parts(towers.item, asked.catalogue)])[
        bought
    ]
    ids = np.array(asked.item_ids.to_pylist(), np.str_)
    theirs, ours = [], []
    for _ in range(repeats):
        started = time.perf_counter()
        metric = tfrs.metrics.FactorizedTopK(candidates, ks=[100])
        for start in range(0, users, 256):
            metric.update_state(queries[start : start + 256], true[start : start + 256])
        theirs.append(time.perf_counter() - started)
        started = time.perf_counter()
        ItemIndex(ids, towers.item_vectors(asked.catalogue)).search(queries, 100)
        ours.append(time.perf_counter() - started)
    return statistics.median(theirs), statistics.median(ours), users, items


if __name__ == "__main__":
    main()
