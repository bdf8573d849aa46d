"""What a training that goes on from an earlier one costs and is worth, beside a full one.

    .venv/bin/python benchmarks/warm_restart.py
    .venv/bin/python benchmarks/warm_restart.py --gap-days 1 --replayed 0 --replayed 14 --replayed 28

Needs the demo's feature tables (`make data features apply`). Trains fully as of a moment before the cut, goes on from
there as of the cut, trains fully as of the cut, and judges all by the week after it: the same users, the whole
catalogue, features as of the cut. Prints recall@100 of all purchases and of new items, seconds from the joins to the
last judged epoch, and ratios to the full training. The default cut is one of the weeks on which settings are chosen.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

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
    from features.time_split import parse_moment
    from models.config import DEFAULT
    from models.earlier_release import EPOCHS, REPLAYED_DAYS

    moment = parse_moment(as_of)
    before = moment - timedelta(days=gap_days)
    with tempfile.TemporaryDirectory() as name:
        school = School(repo, moment, Path(name), seed)
        earlier = school.taught(f"full, {gap_days} days earlier", before, DEFAULT)
        warm = [
            school.taught(
                f"goes on from it, {days} days replayed", moment,
                replace(DEFAULT, training_days=gap_days + days, epochs=EPOCHS), earlier,
            )
            for days in replayed or (REPLAYED_DAYS,)
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
    print(tabulate(rows, header, "github", disable_numparse=True))
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
    towers: Any

    def overlap_with(self, other: "Run") -> float:
        """The share of each user's top 100 by the other that stands in this one's."""
        from evaluation.overlap import overlap_of

        return overlap_of(other.top, self.top)


class School:
    """Where towers are trained and judged by one week."""

    def __init__(self, repo: Path, moment: datetime, folder: Path, seed: int) -> None:
        from evaluation.validation_week import ValidationWeek
        from features.catalogue import catalogue_ids, features_at
        from features.feature_store import open_feature_store, tower_schemas
        from features.purchases import write_purchases
        from features.time_split import TimeSplit
        from models.config import DEFAULT

        self._store, self._folder, self._seed = open_feature_store(repo), folder, seed
        self._schemas = tower_schemas(self._store, DEFAULT.query_service, DEFAULT.item_service)
        split = TimeSplit(None, moment, moment + timedelta(days=7))
        purchases = write_purchases(self._store, split, self._made("judge"))
        users, items = purchases.returning_users(), catalogue_ids(self._store, moment)
        self._week = ValidationWeek.of(users, items, purchases.history(users), purchases.after_cut(), moment)
        self._queries = features_at(self._store, self._schemas.query, users, moment)
        self._catalogue = features_at(self._store, self._schemas.item, items, moment)
        self.users = len(users)

    def taught(self, name: str, as_of: datetime, config: Any, earlier: Run | None = None) -> Run:
        """Train as of a moment, perhaps going on from an earlier training, and judge."""
        from evaluation.validation_week import ValidationWeek
        from features.dataset import write_dataset
        from features.time_split import TimeSplit
        from models.training import train
        from retrieval.item_index import ItemIndex

        folder = self._made(name)
        started = time.perf_counter()
        split = TimeSplit.ending(as_of, training_days=config.training_days)
        data = write_dataset(
            self._store, self._schemas, split, folder, sampled_per_day=config.sampled_per_day, seed=self._seed,
            progress=silent,
        )  # fmt: skip
        asked, purchases = data.validation, data.purchases
        history, after = purchases.history(asked.user_ids), purchases.after_cut()
        week = ValidationWeek.of(asked.user_ids, asked.item_ids, history, after, split.cut)
        towers, _ = train(
            data, week, self._schemas, config, folder / "codes", seed=self._seed, progress=silent,
            report=lambda _: None, earlier=earlier.towers.learned if earlier else None,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        queries, items = towers.query_vectors(self._queries), towers.item_vectors(self._catalogue)
        judgement = self._week.judge_vectors(*queries, items)
        top, _ = ItemIndex(self._week.item_ids, items).search(queries[0], 100)
        click.echo(f"{name}: recall@100 {judgement.recall:.4f} after {seconds:.0f} s, {judgement.varieties}", err=True)
        return Run(name, purchases.training, seconds, judgement.recall, judgement.new_recall or 0.0, top, towers)

    def _made(self, name: str) -> Path:
        folder = self._folder / name.replace(" ", "_")
        folder.mkdir()
        return folder


def silent(_label: str, _total: int) -> Any:
    """A progress bar that says nothing."""
    return lambda _: None


if __name__ == "__main__":
    main()
