"""Leave-one-out over the candidate sources: recall and MAP of the blended lists without each of them.

    python benchmarks/leave_one_out.py
    python benchmarks/leave_one_out.py --repo other_shop/feature_repo --cuts 2

At each cut, a choosing week, towers and blender are trained as for a release, and the blended lists are evaluated on
the week after it: the blender is fitted on one week and applied to the next, as it is served. Each variant fits a
blender of its own, without the list and the score of a source, or without the products of scores. Prints a Markdown
table of ratios to all sources: the median of the weeks, and the worst of them in brackets.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import click

from features.report_table import ReportTable
from jobs import console

METRICS = ("recall@100", "map@12")
ALL, PRODUCTS = "all sources", "without products of scores"


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
    from features.time_split import TimeSplit
    from models.config import DEFAULT
    from pipelines.backtest import WINDOW
    from pipelines.build_sources import build_sources
    from pipelines.ranker_weeks import validation_week
    from pipelines.refit import refit_towers
    from pipelines.train_towers import train_towers
    from pipelines.window import EvaluationWindow

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("towers", "window"):
            (folder / each).mkdir()
        split = TimeSplit.for_release(cut, training_days=DEFAULT.training_days)
        trained = train_towers(store, DEFAULT, split, folder / "towers", seed=seed, ranker_weeks=1)
        week, _ = validation_week(store, trained, seed=seed)
        towers = refit_towers(trained, DEFAULT, folder / "refit", seed=seed).towers
        window = EvaluationWindow.read(store, cut, cut + WINDOW, folder / "window")
        queries = window.read_queries(store, towers)
        vectors = window.read_item_vectors(store, towers)
        sources, _ = build_sources(store, window.past_purchases, window.item_ids, vectors, cut)
    validation, bought = window.validation, queries.histories.bought
    served = {"all": sources.retrieve_pool(queries, DEPTH), "new": sources.retrieve_pool(queries, DEPTH, bought)}
    relevant = {"all": validation.relevant, "new": validation.new_relevant}
    results: dict[str, dict[tuple[str, str], float]] = {}
    for protocol, pool, purchases in (("all", week.keep, week.bought), ("new", week.drop, week.new)):
        for variant, lists in blended_variants(pool, purchases, served[protocol]):
            for metric, value in measure(lists, relevant[protocol]).items():
                results.setdefault(variant, {})[protocol, metric] = value
    return results


def blended_variants(pool: Any, purchases: Any, served: Any) -> Iterator[tuple[str, Any]]:
    """The lists of each variant, fitted on one pool and applied to another."""
    from candidates.blender import Blender

    yield ALL, Blender.fit(pool, purchases).blend(served, 100)
    for source in pool.sources:
        lists = Blender.fit(without(pool, source), purchases).blend(without(served, source), 100)
        yield f"without `{source}`", lists
    yield PRODUCTS, fit_without_products(pool, purchases).blend(served, 100)


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


def fit_without_products(pool: Any, purchases: Any) -> Any:
    """A blender whose products of scores have the weight 0, fitted without them by scikit-learn."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from candidates.blender import Blender

    blender, bought = Blender.fit(pool, purchases), purchases.contains_pairs(pool.rows, pool.positions)
    terms = np.column_stack([pool.ranks > 0, np.log(np.maximum(pool.ranks, 1)), pool.scores]).astype(np.float32)
    means, deviations = (values[: terms.shape[1]] for values in (blender.means, blender.deviations))
    shares = 1 / purchases.lengths[pool.rows][bought]
    sample_weights = np.ones(len(bought))
    sample_weights[bought] = shares / shares.mean()
    model = LogisticRegression(max_iter=500)
    model.fit((terms - means) / deviations, bought, sample_weight=sample_weights)
    weights = np.zeros_like(blender.weights)
    weights[: terms.shape[1]] = model.coef_[0]
    return replace(blender, weights=weights, intercept=float(model.intercept_[0]))


def measure(lists: Any, relevant: Any) -> dict[str, float]:
    """Means over users with purchases."""
    import numpy as np

    from evaluation.metrics import Hits, metrics_per_user

    users = np.flatnonzero(relevant.lengths)
    values = metrics_per_user(Hits.of(lists.positions[users], relevant.take(users)), (12, 100))
    return {name: float(values[name].mean()) for name in METRICS}


if __name__ == "__main__":
    main()
