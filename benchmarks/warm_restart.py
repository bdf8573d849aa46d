"""Cost and recall of a warm start, compared with a full training.

    .venv/bin/python benchmarks/warm_restart.py
    .venv/bin/python benchmarks/warm_restart.py --gap-days 1 --replayed 0 --replayed 14 --replayed 28

Needs the demo's feature tables (`make data features apply`). Trains fully as of a moment before the cut, starts from
there as of the cut, and trains fully as of the cut: towers and refit by `pipelines.train_release`, as `jobs/train.py`
does. All are evaluated on the week after the cut: the same users, the whole catalogue, features as of the cut. Prints
recall@100 of all purchases and of new items, seconds from the joins to the end of the refit, and ratios to the full
training. The default cut is one of the weeks on which settings are chosen.
"""

import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from features.report_table import ReportTable
from jobs.console import FEATURE_REPO, commit, load_tensorflow


@click.command()
@click.option("--repo", type=click.Path(path_type=Path, file_okay=False), default=FEATURE_REPO, show_default=True)
@click.option("--as-of", default="2017-11-28", show_default=True, help="The cut; evaluated on the week after it.")
@click.option("--gap-days", type=click.IntRange(1), default=7, show_default=True, help="Age of the earlier training.")
@click.option("--replayed", multiple=True, type=click.IntRange(0), help="Days before the earlier cut to repeat.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def main(repo: Path, as_of: str, gap_days: int, replayed: tuple[int, ...], seed: int) -> None:
    """Run all trainings, and print ratios."""
    load_tensorflow()
    from features.moments import parse_moment
    from models.config import DEFAULT
    from models.release.earlier_release import REPLAY_DAYS, WARM_START_EPOCHS

    moment = parse_moment(as_of)
    with tempfile.TemporaryDirectory() as name:
        trainings = Trainings(repo, moment, Path(name), seed)
        earlier = trainings.run(f"full, {gap_days} days earlier", moment - timedelta(days=gap_days), DEFAULT)
        warm = [
            trainings.run(
                f"warm start, {days} days replayed",
                moment,
                replace(DEFAULT, training_days=gap_days + days, epochs=WARM_START_EPOCHS),
                earlier.checkpoint,
            )
            for days in replayed or (REPLAY_DAYS,)
        ]
        full = trainings.run("full", moment, DEFAULT)
        rows = [
            [
                run.name,
                run.purchases,
                f"{run.recall:.4f}",
                f"{run.recall / full.recall:.3f}",
                f"{run.new_item_recall:.4f}",
                f"{run.new_item_recall / full.new_item_recall:.3f}",
                f"{run.seconds:.0f}",
                f"{run.seconds / full.seconds:.2f}",
                f"{run.overlap_with(earlier):.3f}",
            ]
            for run in (full, earlier, *warm)
        ]
    header = [
        "training", "purchases", "recall@100", "ratio", "new items", "ratio", "seconds", "ratio", "overlap of top 100",
    ]  # fmt: skip
    print(ReportTable.of(header, rows, header[:1]).markdown())
    print(f"\ncut {as_of}, {trainings.window.validation.users:,} users, seed {seed}, commit {commit()}")


@dataclass(frozen=True)
class Run:
    """A training and its metrics in the week after the cut.

    Attributes:
        name: of the training.
        purchases: number of training purchases before the cut.
        seconds: from the joins to the end of the refit.
        recall: recall@100 on all purchases.
        new_item_recall: recall@100 on new items.
        top: int32 (users, 100), positions in the catalogue.
        checkpoint: the towers as validated, for a warm start.
    """

    name: str
    purchases: int
    seconds: float
    recall: float
    new_item_recall: float
    top: Any
    checkpoint: Any

    def overlap_with(self, other: "Run") -> float:
        """Return the mean share of the other run's top 100 that is in this one's."""
        from evaluation.diagnostics import list_overlap

        return list_overlap(other.top, self.top)


class Trainings:
    """Trains towers and evaluates them on one week.

    Args:
        repo: folder of the feature repository.
        moment: start of the week, UTC.
        folder: an empty folder.
        seed: of all trainings.
    """

    def __init__(self, repo: Path, moment: datetime, folder: Path, seed: int) -> None:
        from features.store.registry import open_feature_store
        from pipelines.window import EvaluationWindow

        self._store, self._folder, self._seed = open_feature_store(repo), folder, seed
        self.window = EvaluationWindow.read(
            self._store, moment, moment + timedelta(days=7), self._created("evaluation")
        )

    def run(self, name: str, as_of: datetime, config: Any, checkpoint: Any = None) -> Run:
        """Train and refit towers as of a moment, and evaluate them."""
        from candidates.index import ItemIndex
        from features.store.service_schema import TowerSchemas
        from features.time_split import TimeSplit
        from pipelines.train_release import train_release
        from pipelines.training_options import TrainingOptions
        from pipelines.window import TowerWindow

        split = TimeSplit.for_release(as_of, training_days=config.training_days)
        options = TrainingOptions(config, split, self._seed, ranker_weeks=0, checkpoint=checkpoint)
        trained = train_release(self._store, options, self._created(name))
        towers = trained.refitted_towers
        schemas = TowerSchemas(towers.query.schema, towers.item.schema)
        tower_window = TowerWindow.read(self._store, schemas, self.window)
        queries, vectors = tower_window.read_queries(self._store, towers), tower_window.item_vectors(towers)
        metrics = self.window.validation.evaluate_vectors(queries.vectors, queries.new_item_vectors, vectors)
        top, _ = ItemIndex(self.window.validation.item_ids, vectors).search(queries.vectors, 100)
        click.echo(
            f"{name}: recall@100 {metrics.recall:.4f} after {trained.seconds:.0f} s, {metrics.diversities}", err=True
        )
        return Run(
            name,
            trained.towers.purchases.training_rows,
            trained.seconds,
            metrics.recall,
            metrics.new_item_recall or 0.0,
            top,
            trained.towers.towers.checkpoint,
        )

    def _created(self, name: str) -> Path:
        folder = self._folder / name.replace(" ", "_")
        folder.mkdir()
        return folder


if __name__ == "__main__":
    main()
