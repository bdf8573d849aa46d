"""What a training that goes on from an earlier one costs and is worth, beside a full one.

    .venv/bin/python benchmarks/warm_restart.py
    .venv/bin/python benchmarks/warm_restart.py --gap-days 1 --replayed 0 --replayed 14 --replayed 28

Needs the demo's feature tables (`make data features apply`). Trains fully as of a moment before the cut, goes on from
there as of the cut, trains fully as of the cut, each as `train.py` does, refit included, and judges all by the week
after it: the same users, the whole catalogue, features as of the cut. Prints recall@100 of all purchases and of new
items, seconds from the joins to the end of the refit, and ratios to the full training. The default cut is one of the
weeks on which settings are chosen.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from features.report_table import ReportTable
from jobs.console import FEATURE_REPO, commit, load_tensorflow


@click.command()
@click.option("--repo", type=click.Path(path_type=Path, file_okay=False), default=FEATURE_REPO, show_default=True)
@click.option("--as-of", default="2017-11-28", show_default=True, help="The cut; the week after it judges.")
@click.option("--gap-days", type=click.IntRange(1), default=7, show_default=True, help="Age of the earlier training.")
@click.option(
    "--replayed", multiple=True, type=click.IntRange(0), help="Days before the earlier cut that are repeated."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def main(repo: Path, as_of: str, gap_days: int, replayed: tuple[int, ...], seed: int) -> None:
    """Measure all in one run, and print ratios."""
    load_tensorflow()
    from features.moments import parse_moment
    from models.config import DEFAULT
    from models.release.earlier_release import REPLAY_DAYS, WARM_START_EPOCHS

    moment = parse_moment(as_of)
    before = moment - timedelta(days=gap_days)
    with tempfile.TemporaryDirectory() as name:
        school = School(repo, moment, Path(name), seed)
        earlier = school.taught(f"full, {gap_days} days earlier", before, DEFAULT)
        warm = [
            school.taught(
                f"goes on from it, {days} days replayed", moment,
                replace(DEFAULT, training_days=gap_days + days, epochs=WARM_START_EPOCHS), earlier,
            )
            for days in replayed or (REPLAY_DAYS,)
        ]  # fmt: skip
        full = school.taught("full", moment, DEFAULT)
        rows = [
            [
                run.name,
                run.purchases,
                f"{run.recall:.4f}",
                f"{run.recall / full.recall:.3f}",
                f"{run.new_recall:.4f}",
                f"{run.new_recall / full.new_recall:.3f}",
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
    print(f"\ncut {as_of}, {school.users:,} users, seed {seed}, commit {commit()}")


@dataclass(frozen=True)
class Run:
    """A training, judged: what it cost and what it was worth."""

    name: str
    purchases: int
    seconds: float
    recall: float
    new_recall: float
    top: Any
    checkpoint: Any

    def overlap_with(self, other: "Run") -> float:
        """The share of each user's top 100 by the other that stands in this one's."""
        from evaluation.diagnostics import list_overlap

        return list_overlap(other.top, self.top)


class School:
    """Where towers are trained as releases are, and judged by one week."""

    def __init__(self, repo: Path, moment: datetime, folder: Path, seed: int) -> None:
        from features.store.registry import open_feature_store
        from pipelines.window import EvaluationWindow

        self._store, self._folder, self._seed = open_feature_store(repo), folder, seed
        self._test = EvaluationWindow.between(self._store, moment, moment + timedelta(days=7), self._made("judge"))

    @property
    def users(self) -> int:
        """How many there are whom the week can ask."""
        return self._test.judge.users

    def taught(self, name: str, as_of: datetime, config: Any, earlier: Run | None = None) -> Run:
        """Train as of a moment, perhaps going on from an earlier training, and judge what would be released."""
        from candidates.index import ItemIndex
        from features.time_split import TimeSplit
        from pipelines.refit import refit_towers
        from pipelines.train_towers import train_towers

        folder = self._made(name)
        started = time.perf_counter()
        split = TimeSplit.for_release(as_of, training_days=config.training_days)
        run = train_towers(
            self._store, config, split, folder, seed=self._seed, say=lambda _: None,
            earlier=earlier.checkpoint if earlier else None,
        )  # fmt: skip
        towers = refit_towers(self._store, run, config, folder / "refit", seed=self._seed).towers
        seconds = time.perf_counter() - started
        queries = self._test.queries(self._store, towers)
        vectors = self._test.item_vectors(self._store, towers)
        window_metrics = self._test.judge.evaluate_vectors(queries.vectors, queries.new_item_vectors, vectors)
        top, _ = ItemIndex(self._test.judge.item_ids, vectors).search(queries.vectors, 100)
        click.echo(
            f"{name}: recall@100 {window_metrics.recall:.4f} after {seconds:.0f} s, {window_metrics.diversities}",
            err=True,
        )
        purchases = run.data.purchases.training
        checkpoint = run.towers.checkpoint
        return Run(
            name, purchases, seconds, window_metrics.recall, window_metrics.new_item_recall or 0.0, top, checkpoint
        )

    def _made(self, name: str) -> Path:
        folder = self._folder / name.replace(" ", "_")
        folder.mkdir()
        return folder


if __name__ == "__main__":
    main()
