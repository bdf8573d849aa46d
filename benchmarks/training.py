"""Training speed beside the seed preset and TFRS, evaluation beside FactorizedTopK, and the stages of a training.

    .venv/bin/python benchmarks/training.py
    .venv/bin/python benchmarks/training.py --stages

Needs the demo's feature tables (`make data features apply`). Preset seed, preset default without its item memory and
preset default are joined over the same days, and so are the towers of default as TFRS trains them: its `Retrieval`
task without the new-item head, one query per purchase, Adagrad. Each takes `--steps` steps after a warm-up, in turns;
the medians of `--repeats` are compared in purchases per second.
Then the share of purchases in the top 100 is computed twice for a validation window over the whole catalogue, from
encoded features on: by TFRS' FactorizedTopK as it is documented, one row per purchase, and by this project's exact
search, one query per user. Both must give the same share. Prints two Markdown tables with ratios.
With `--stages`, a complete release is trained instead, and its parts are printed: seconds, CPU seconds and shares.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from features.progress import SilentReporter
from features.report_table import ReportTable
from jobs.console import FEATURE_REPO, commit, load_tensorflow

_WARM_UP_STEPS = 20
_TOLERANCE = 1e-3  # of all purchases: the two sum products in different orders
_WITHOUT_ITEM_MEMORY = "default without item memory"
_BY_TFRS = "default as TFRS trains it"


@click.command()
@click.option("--repo", type=click.Path(path_type=Path, file_okay=False), default=FEATURE_REPO, show_default=True)
@click.option("--days", type=click.IntRange(1), default=28, show_default=True, help="Training days.")
@click.option("--steps", type=click.IntRange(1), default=60, show_default=True, help="Steps of each measurement.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--stages", is_flag=True, help="Train a complete release, and print its parts.")
def main(repo: Path, days: int, steps: int, repeats: int, seed: int, *, stages: bool) -> None:
    """Run all measurements, and print ratios."""
    load_tensorflow()
    from models.config import DEFAULT, SEED

    if stages:
        print_stages(repo, seed)
        return
    with tempfile.TemporaryDirectory() as folder:
        without_memory = replace(DEFAULT, item_memory_dimensions=0)
        presets = {"seed": SEED, _WITHOUT_ITEM_MEMORY: without_memory, "default": DEFAULT, _BY_TFRS: DEFAULT}
        runs = {
            preset: Speed(
                replace(config, training_days=days), repo, seed, Path(folder) / preset.replace(" ", "_"),
                by_tfrs=preset == _BY_TFRS,
            )
            for preset, config in presets.items()
        }  # fmt: skip
        rates: dict[str, list[float]] = {preset: [] for preset in runs}
        for _ in range(repeats):
            for preset, run in runs.items():
                rates[preset].append(run.examples_per_second(steps))
        median = {preset: statistics.median(values) for preset, values in rates.items()}
        rows = [
            [
                preset,
                run.config.dimensions,
                run.config.batch_size,
                f"{median[preset]:,.0f}",
                f"{median[preset] / median['seed']:.2f}",
            ]
            for preset, run in runs.items()
        ]
        header = ["preset", "dimensions", "batch", "examples/s", "ratio to seed"]
        print(ReportTable.of(header, rows, header[:1]).markdown())
        window = EncodedWindow(runs["default"])
        methods = {"TFRS FactorizedTopK": window.by_tfrs, "exact search, one query per user": window.by_users}
        seconds: dict[str, list[float]] = {name: [] for name in methods}
        shares = {}
        for _ in range(repeats):
            for name, method in methods.items():
                duration, shares[name] = method()
                seconds[name].append(duration)
    if max(shares.values()) - min(shares.values()) > _TOLERANCE:
        raise SystemExit(f"Both methods must give the same share, not {shares}.")
    tfrs, exact = (statistics.median(values) for values in seconds.values())
    rows = [
        [name, f"{shares[name]:.4f}", f"{duration:.1f}", f"{tfrs / duration:.1f}"]
        for name, duration in zip(methods, (tfrs, exact), strict=True)
    ]
    header = ["method", "purchases in the top 100", "seconds", "speedup"]
    print("\n" + ReportTable.of(header, rows, header[:1]).markdown())
    print(
        f"\n{len(window.users):,} purchases of {len(window.queries):,} users in a validation window, "
        f"{len(window.catalogue):,} items; {days} days, seed {seed}, {steps} steps, median of {repeats}, "
        f"commit {commit()}"
    )


class Speed:
    """Towers with random weights, ready to take training steps.

    Args:
        config: settings of the towers.
        repo: folder of the feature repository.
        seed: of draws, weights and shuffling.
        folder: for the training set; it must not exist yet.
        by_tfrs: whether the towers are trained by the task of TFRS.
    """

    def __init__(self, config: Any, repo: Path, seed: int, folder: Path, *, by_tfrs: bool) -> None:
        from features.store.data_end import data_end
        from features.store.registry import open_feature_store, tower_schemas
        from features.time_split import TimeSplit
        from features.training_data.purchases import write_purchases
        from features.training_data.training_set import write_training_sets
        from models.encoding import Encodings
        from models.towers import Towers
        from models.training.batches import Batches
        from models.training.encoded_set import EncodedSet
        from models.training.loop import training_step
        from pipelines.window import EvaluationWindow, TowerWindow

        self.config = config
        store = open_feature_store(repo)
        schemas = tower_schemas(store, self.config.query_service, self.config.item_service)
        split = TimeSplit.for_release(data_end(store), training_days=config.training_days)
        folder.mkdir()
        purchases = write_purchases(store, split, folder)
        window = EvaluationWindow.of(store, purchases)
        self.inputs, self.after = TowerWindow.read(store, schemas, window).inputs, purchases.read_after_cut()
        [rows] = write_training_sets(
            store, schemas, purchases, [split], folder, settings=config, seed=seed,
            progress=lambda *_: lambda _: None,
        )  # fmt: skip
        encodings = Encodings.fit(schemas, rows.queries, rows.candidates)
        encoded = EncodedSet.write(rows, encodings, folder / "codes", shares_of_day=self.config.day_batches)
        self.towers = Towers.initialize(encodings.query, encodings.item, self.config)
        batches = Batches(encoded, self.config)
        self._step = tfrs_step(self.towers.model, batches) if by_tfrs else training_step(self.towers.model, batches)
        self._batches = iter(batches.dataset(1, seed).repeat())
        for _ in range(_WARM_UP_STEPS):
            self._step(next(self._batches))

    def examples_per_second(self, steps: int) -> float:
        """Return purchases per second, with the reading of batches."""
        started, purchases = time.perf_counter(), 0
        for _ in range(steps):
            batch = next(self._batches)
            self._step(batch)
            purchases += len(batch["row"])
        return purchases / (time.perf_counter() - started)


def tfrs_step(model: Any, batches: Any) -> Any:
    """One training step of the `Retrieval` task of TFRS for the same towers and batches, as a graph."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs
    import tf_keras as keras

    task = tfrs.tasks.Retrieval(remove_accidental_hits=True)
    optimizer = keras.optimizers.Adagrad(0.1)
    optimizer.build(model.trainable_variables)

    def step(batch: dict[str, Any]) -> Any:
        by_purchase = {name: tf.gather(codes, batch["row"]) for name, codes in batch["query"].items()}
        with tf.GradientTape() as tape:
            queries, _ = model.query_tower(by_purchase, training=True)
            items = model.item_tower(batch["item"], training=True)
            loss = task(
                queries, items, candidate_sampling_probability=batch["frequency"], candidate_ids=batch["candidate"],
                compute_metrics=False, compute_batch_metrics=False,
            )  # fmt: skip
        pairs = zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        optimizer.apply_gradients((gradient, weight) for gradient, weight in pairs if gradient is not None)
        return loss

    return tf.function(step, input_signature=[batches.signature])


class Recorder(SilentReporter):
    """A reporter that measures the parts of a training: stages, and long steps that have a progress bar of their own.

    Attributes:
        parts: seconds and CPU seconds of each part, by its name.
    """

    def __init__(self) -> None:
        self.parts: dict[str, tuple[float, float]] = {}
        self._name, self._started = "open", (time.perf_counter(), time.process_time())

    def stage(self, name: str) -> None:
        """End the part before."""
        now = time.perf_counter(), time.process_time()
        seconds, cpu = self.parts.get(self._name, (0.0, 0.0))
        self.parts[self._name] = seconds + now[0] - self._started[0], cpu + now[1] - self._started[1]
        self._name, self._started = name, now

    def progress(self, label: str, total: int) -> Any:
        """Begin a part; what follows the last step of the bar is a part of its own."""
        self.stage(label)
        left = [total]

        def advance(steps: int) -> None:
            left[0] -= steps
            if left[0] <= 0:
                self.stage(f"after {label}")

        return advance


def print_stages(repo: Path, seed: int) -> None:
    """Train a release as `jobs/train.py` does, without writing it, and print its parts."""
    import resource

    from features.store.data_end import data_end
    from features.store.registry import open_feature_store
    from features.time_split import TimeSplit
    from models.config import DEFAULT
    from pipelines.train_release import train_release
    from pipelines.training_options import TrainingOptions

    store, recorder = open_feature_store(repo), Recorder()
    with tempfile.TemporaryDirectory() as folder:
        split = TimeSplit.for_release(data_end(store))
        train_release(store, TrainingOptions(DEFAULT, split, seed), Path(folder), recorder)
    recorder.stage("end")
    total = sum(cpu for _, cpu in recorder.parts.values())
    rows = [
        [name, f"{seconds:.0f}", f"{cpu:.0f}", f"{cpu / total:.2f}"] for name, (seconds, cpu) in recorder.parts.items()
    ]
    header = ["part", "seconds", "CPU seconds", "share of CPU"]
    print(ReportTable.of(header, rows, header[:1]).markdown())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{total:.0f} CPU seconds, peak {peak:,.0f} MB, seed {seed}, commit {commit()}")


class EncodedWindow:
    """The validation window, encoded: purchases, their users, and the whole catalogue as of the cut.

    Args:
        run: towers and their data set.
    """

    def __init__(self, run: Speed) -> None:
        import pyarrow.compute as pc

        self._model = run.towers.model
        self.queries, self.catalogue = run.inputs.queries, run.inputs.catalogue
        self._query_codes = run.towers.query.encode(self.queries)
        self._item_codes = run.towers.item.encode(self.catalogue)
        user_ids, item_ids = self.queries["user_id"].combine_chunks(), self.catalogue["item_id"].combine_chunks()
        evaluated = pc.and_(pc.is_in(run.after["user_id"], user_ids), pc.is_in(run.after["item_id"], item_ids))
        after = run.after.filter(evaluated)
        self.users = pc.index_in(after["user_id"].combine_chunks(), user_ids).to_numpy()
        self.items = pc.index_in(after["item_id"].combine_chunks(), item_ids).to_numpy()
        self._ids = item_ids

    def by_tfrs(self) -> tuple[float, float]:
        """Return seconds, and the share of purchases in the top 100, as TFRS documents it: one row per purchase.

        The catalogue comes in batches of 4,096, which is faster than the 128 of the TFRS tutorials.
        """
        import tensorflow as tf
        import tensorflow_recommenders as tfrs

        started = time.perf_counter()
        candidates = tf.data.Dataset.from_tensor_slices(self._item_codes).batch(4_096).map(self._model.item_tower)
        metric = tfrs.metrics.FactorizedTopK(candidates, ks=[100])
        for start in range(0, len(self.users), 4_096):
            part = slice(start, start + 4_096)
            rows = {name: values[self.users[part]] for name, values in self._query_codes.items()}
            bought = {name: values[self.items[part]] for name, values in self._item_codes.items()}
            metric.update_state(self._model.query_tower(rows)[0], self._model.item_tower(bought))
        [share] = metric.result()
        return time.perf_counter() - started, float(share)

    def by_users(self) -> tuple[float, float]:
        """Return the same by one exact search per user, over a catalogue that is embedded once."""
        import numpy as np

        from candidates.index import ItemIndex

        started = time.perf_counter()
        items = np.concatenate([self._model.item_tower(part) for part in _parts(self._item_codes)])
        queries = np.concatenate([self._model.query_tower(part)[0] for part in _parts(self._query_codes)])
        top, _ = ItemIndex(self._ids, items).search(queries, 100)
        hits = (top[self.users] == self.items[:, None]).any(axis=1)
        return time.perf_counter() - started, float(hits.mean())


def _parts(codes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a few thousand rows at a time."""
    for start in range(0, len(next(iter(codes.values()))), 8_192):
        yield {name: values[start : start + 8_192] for name, values in codes.items()}


if __name__ == "__main__":
    main()
