"""Leave-one-out over the candidate sources: recall and MAP of the blended lists without each of them.

    python benchmarks/leave_one_out.py
    python benchmarks/leave_one_out.py --repo other_shop/feature_repo --cuts 2

At each cut, a choosing week, towers and blender are trained as for a release, and the blended lists are evaluated on
the week after it: the blender is fitted on the ranker weeks and applied to the next week, as it is served. Each variant
fits a blender of its own, without the list and the score of a source. Prints a Markdown table of ratios to all sources:
the median of the weeks, and the worst of them in brackets.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import click

from features.report_table import ReportTable
from jobs import console

METRICS = ("recall@100", "map@12")
ALL = "all sources"


@click.command()
@console.repo_option
@click.option("--cuts", type=click.IntRange(1, 4), default=4, show_default=True, help="Number of choosing weeks.")
@console.seed_option
def main(repo: Path, cuts: int, seed: int) -> None:
    """Print the ratios of each variant."""
    console.load_tensorflow()
    from evaluation.windows import weekly_cuts
    from features.store.data_end import data_end
    from features.store.registry import open_feature_store

    store = open_feature_store(repo)
    weeks = weekly_cuts(data_end(store), "choosing", cuts)
    results = [evaluate_week(store, cut, seed) for cut in weeks]
    columns = [(protocol, metric) for protocol in ("all", "new") for metric in METRICS]
    rows = []
    for name in results[0]:
        ratios = [[week[name][column] / week[ALL][column] for week in results] for column in columns]
        rows.append([name, *(f"{median(each):.3f} ({min(each):.3f})" for each in ratios)])
    header = ["blended lists", *(f"{metric}, {protocol}" for protocol, metric in columns)]
    print(ReportTable.of(header, rows, header[:1]).markdown())
    days = ", ".join(f"{cut:%Y-%m-%d}" for cut in weeks)
    print(f"\n{store.project}, cuts {days}, seed {seed}, commit {console.commit()}")


def evaluate_week(store: Any, cut: datetime, seed: int) -> dict[str, dict[tuple[str, str], float]]:
    """Metrics of each variant in the week after a cut, by protocol and metric."""
    from candidates.sources.source_set import DEPTH
    from features.store.service_schema import TowerSchemas
    from features.time_split import TimeSplit
    from models.config import DEFAULT
    from pipelines.backtest import WINDOW
    from pipelines.build_sources import build_sources, read_items
    from pipelines.ranker_weeks import earlier_weeks, validation_week
    from pipelines.refit import refit_towers
    from pipelines.train_towers import train_towers
    from pipelines.training_stages import RANKER_WEEKS
    from pipelines.window import EvaluationWindow, TowerWindow

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("towers", "window"):
            (folder / each).mkdir()
        split = TimeSplit.for_release(cut, training_days=DEFAULT.training_days)
        trained = train_towers(store, DEFAULT, split, folder / "towers", seed=seed, ranker_weeks=RANKER_WEEKS)
        weeks = [*earlier_weeks(store, trained, DEFAULT, seed=seed), validation_week(store, trained, seed=seed)[0]]
        towers = refit_towers(trained, DEFAULT, folder / "refit", seed=seed).towers
        window = EvaluationWindow.read(store, cut, cut + WINDOW, folder / "window")
        inputs = TowerWindow.read(store, TowerSchemas(towers.query.schema, towers.item.schema), window)
        queries, vectors = inputs.read_queries(store, towers), inputs.item_vectors(towers)
        items = read_items(store, window.item_ids, cut)
        sources, _ = build_sources(items, window.past_purchases, window.item_ids, vectors, cut)
    validation, bought = window.validation, queries.histories.bought
    served = {"all": sources.retrieve_pool(queries, DEPTH), "new": sources.retrieve_pool(queries, DEPTH, bought)}
    relevant = {"all": validation.relevant, "new": validation.new_relevant}
    results: dict[str, dict[tuple[str, str], float]] = {}
    fitted = {
        "all": ([week.keep for week in weeks], [week.bought for week in weeks]),
        "new": ([week.drop for week in weeks], [week.new for week in weeks]),
    }
    for protocol, (pools, purchases) in fitted.items():
        for variant, lists in blended_variants(pools, purchases, served[protocol]):
            for metric, value in measure(lists, relevant[protocol]).items():
                results.setdefault(variant, {})[protocol, metric] = value
    return results


def blended_variants(pools: list[Any], purchases: list[Any], served: Any) -> Iterator[tuple[str, Any]]:
    """The lists of each variant, fitted on the pools of past weeks and applied to another."""
    from candidates.blender import Blender

    yield ALL, Blender.fit(pools, purchases).blend(served, 100)
    for source in served.sources:
        lists = Blender.fit([without(pool, source) for pool in pools], purchases).blend(without(served, source), 100)
        yield f"without `{source}`", lists


def without(pool: Any, source: str) -> Any:
    """The pool without the list and the score of a source."""
    import numpy as np

    others = [number for number, name in enumerate(pool.sources) if name != source]
    kept = (pool.ranks[:, others] > 0).any(axis=1)
    offsets = np.searchsorted(pool.rows[kept], np.arange(pool.users + 1))
    names = tuple(pool.sources[number] for number in others)
    return type(pool)(
        names, offsets, pool.positions[kept], np.ascontiguousarray(pool.ranks[kept][:, others]),
        np.ascontiguousarray(pool.scores[kept][:, others]),
    )  # fmt: skip


def measure(lists: Any, relevant: Any) -> dict[str, float]:
    """Means over users with purchases."""
    import numpy as np

    from evaluation.metrics import Hits, metrics_per_user

    users = np.flatnonzero(relevant.lengths)
    values = metrics_per_user(Hits.of(lists.positions[users], relevant.take(users)), (12, 100))
    return {name: float(values[name].mean()) for name in METRICS}


if __name__ == "__main__":
    main()
