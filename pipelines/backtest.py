"""One cut of an evaluation: trained up to it as a release is, judged by the week after it, beside the simple lists."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.blender import Fused
from candidates.filters.exclusions import Barred
from candidates.filters.settings import FilterSettings
from candidates.index import ItemIndex
from candidates.ranking.context import ItemFacts
from candidates.ranking.ranker import Ranker
from candidates.sources.source_set import DEPTH, Queries, Sources
from evaluation.baselines import baselines
from evaluation.candidate_lists import Lists
from evaluation.comparisons import differences_of
from evaluation.measures import compared_by
from evaluation.results import CutResult, EpochRow
from evaluation.results import Sources as SourceResult
from evaluation.scoreboard import Scoreboard
from evaluation.slices import cold_users_slice
from evaluation.source_shares import source_shares
from evaluation.validation_window import ValidationWeek
from features.store.filter_facts import goods_at, users_at
from features.store.ranking_facts import items_at as items_told
from features.store.ranking_facts import users_at as users_told
from features.time_split import TimeSplit
from models.config import DEFAULT, SEED
from models.training.history import Curve
from pipelines.build_sources import sources_at
from pipelines.candidate_lists import fused, two_tower_lists
from pipelines.filter_context import goods_known, users_known
from pipelines.filter_costs import Shop, filter_prices
from pipelines.fit_blender import fusions_of
from pipelines.item_map import item_map
from pipelines.messages import epoch_line
from pipelines.ranker_weeks import LABEL_WEEKS, label_weeks
from pipelines.ranking_results import ranking_results
from pipelines.refit import refitted
from pipelines.train_ranker import Rankings, ordered, rankings_of
from pipelines.train_towers import training_run
from pipelines.window import Week

BUDGETS = (50, 100, 300)
_USERS_TAKEN_APART = 5_000

RANKED_LISTS = "ranked candidates"
FUSED = "fused candidates"
TWO_TOWERS = "two towers"
PRESET_SEED = "two towers, preset seed"


def evaluate_cut(
    store: FeatureStore, split: TimeSplit, folder: Path, *, seed: int, filters: FilterSettings, with_seed: bool,
    draws_map: bool, say: Callable[[str], None],
) -> CutResult:  # fmt: skip
    """Train at a cut, judge the week after it.

    Args:
        store: an applied feature store.
        split: of the release at the cut.
        folder: an empty folder.
        seed: of draws, weights and shuffling.
        filters: those in force, which are priced beside others; all else is judged without any.
        with_seed: whether the preset `seed` is trained beside.
        draws_map: whether the item vectors are laid out.
        say: called with a sentence for each finished step.
    """
    run = training_run(
        store, DEFAULT, split, _made(folder / "default"), seed=seed, say=lambda epoch: say(epoch_line(epoch))
    )
    weeks = label_weeks(store, run, DEFAULT, folder / "weeks", weeks=LABEL_WEEKS, seed=seed, say=say)
    fusions, rankings = fusions_of(weeks[-1], say), rankings_of(store, weeks, seed=seed, say=say)
    del weeks  # a gigabyte
    towers = refitted(store, run, DEFAULT, folder / "refit", seed=seed).towers
    test = Week.between(store, split.as_of, split.as_of + timedelta(days=7), _made(folder / "test"))
    queries, vectors = test.queries(store, towers), test.item_vectors(store, towers)
    sources, _ = sources_at(store, test.past, test.item_ids, vectors, split.as_of)
    keep = fused(queries, sources, fusions.keep, Barred())
    fresh = fused(queries, sources, fusions.drop, Barred(pairs=queries.histories.bought))
    judge = Scoreboard.of(test.judge, test.past, test.user_codes, seed)
    unfiltered = Lists(FUSED, keep.positions, fresh.positions)
    say(judge.take(unfiltered))
    say(judge.take(_ranked(store, test, queries, rankings, keep, fresh, split)))
    say(judge.take(two_tower_lists(TWO_TOWERS, queries, sources.index)))
    users = users_known(users_at(store, test.user_ids, split.as_of), queries.histories, split.as_of)
    goods = goods_known(goods_at(store, test.item_ids, split.as_of), test.judge.item_ids, split.as_of)
    prices = filter_prices(Shop(queries, sources, fusions, users, goods, judge), unfiltered, filters)
    past, cut = test.past, test.judge.cut
    simple = []
    for lists in baselines(past, cut, test.user_codes, len(test.item_ids), DEPTH, test.judge.bought):
        say(judge.take(lists))
        simple.append(lists.name)
    if with_seed:
        seeded = replace(split, start=None)
        copied = training_run(store, SEED, seeded, _made(folder / "seed"), seed=seed, say=lambda _: None)
        other = refitted(store, copied, SEED, folder / "seed_refit", seed=seed).towers
        index = ItemIndex(test.judge.item_ids, test.item_vectors(store, other))
        say(judge.take(two_tower_lists(PRESET_SEED, test.queries(store, other), index)))
        simple.append(PRESET_SEED)
    return {
        "cut": f"{split.as_of:%Y-%m-%d}",
        "users": test.judge.users,
        "users_new": len(judge.new_rows),
        "cold_users": cold_users_slice(sources.popularity, test.cold, judge.k, seed),
        "models": judge.models,
        "differences": differences_of(
            judge.measured, judge.draws, (FUSED, RANKED_LISTS, TWO_TOWERS), tuple(simple), compared_by(judge.cutoffs)
        ),
        "sources": _where_from(queries, sources, keep, test.judge),
        "filters": prices,
        "rankings": ranking_results(rankings, judge, as_retrieved=FUSED, as_ranked=RANKED_LISTS),
        "curve": _curve(run.curve),
        "map": item_map(store, test.item_ids, vectors, judge.sold, split.as_of) if draws_map else None,
    }


def _ranked(
    store: FeatureStore, test: Week, queries: Queries, rankings: Rankings, keep: Fused, fresh: Fused,
    split: TimeSplit,
) -> Lists:  # fmt: skip
    """The fused lists in the rankers' order."""
    told = users_told(store, test.user_ids, split.as_of)
    items = ItemFacts.of(items_told(store, test.item_ids, split.as_of))

    def positions(fused: Fused, ranker: Ranker | None) -> NDArray[np.int32]:
        return ordered(fused, ranker, queries.histories, told, items).fused.positions

    return Lists(RANKED_LISTS, positions(keep, rankings.keep.ranker), positions(fresh, rankings.drop.ranker))


def _where_from(queries: Queries, sources: Sources, keep: Fused, week: ValidationWeek) -> SourceResult:
    """Where the candidates of the first few thousand users come from."""
    few = next(queries.blocks(_USERS_TAKEN_APART))
    lists = sources.lists(few, DEPTH)
    return source_shares(lists, keep.slice(0, len(few)), week.relevant.slice(0, len(few)), BUDGETS)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _curve(curve: Curve) -> list[EpochRow]:
    return [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "recall": None if epoch.judgement.faults else epoch.judgement.recall,
            "new_recall": None if epoch.judgement.faults else epoch.judgement.new_recall,
        }
        for epoch in curve.epochs
    ]
