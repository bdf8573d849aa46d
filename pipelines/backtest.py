"""One cut of an evaluation: trained up to it as a release is, judged by the week after it, beside the simple lists."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.filters.exclusions import Exclusions
from candidates.filters.settings import FilterSettings
from candidates.index import ItemIndex
from candidates.ranking.entity_features import ItemFeatures
from candidates.ranking.ranker import Ranker
from candidates.sources.source_set import DEPTH, Queries, SourceSet
from evaluation.baselines import baselines
from evaluation.comparisons import compare_models
from evaluation.metrics import CandidateLists, comparison_metrics
from evaluation.results import EpochRow, SourceResults, WindowResult
from evaluation.scoreboard import Scoreboard
from evaluation.slices import cold_users_slice
from evaluation.source_shares import source_shares
from evaluation.validation_window import ValidationWindow
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS, FILTER_USERS, RANKING_USERS
from features.time_split import TimeSplit
from models.config import DEFAULT, SEED
from models.training.history import TrainingHistory
from pipelines.build_sources import sources_at
from pipelines.candidate_lists import blended, two_tower_lists
from pipelines.filter_context import build_item_context, build_user_context
from pipelines.filter_costs import Shop, measure_filter_costs
from pipelines.fit_blender import fit_blenders
from pipelines.messages import epoch_line
from pipelines.ranker_weeks import RANKER_WEEKS, label_weeks
from pipelines.ranking_results import ranking_results
from pipelines.refit import refit_towers
from pipelines.train_ranker import TrainedRankers, ordered, train_rankers
from pipelines.train_towers import train_towers
from pipelines.window import EvaluationWindow

BUDGETS = (50, 100, 300)
_USERS_TAKEN_APART = 5_000

RANKED_LISTS = "ranked candidates"
BLENDED = "blended candidates"
TWO_TOWERS = "two towers"
PRESET_SEED = "two towers, preset seed"


def evaluate_cut(
    store: FeatureStore, split: TimeSplit, folder: Path, *, seed: int, filters: FilterSettings, with_seed: bool,
    say: Callable[[str], None],
) -> WindowResult:  # fmt: skip
    """Train at a cut, judge the week after it.

    Args:
        store: an applied feature store.
        split: of the release at the cut.
        folder: an empty folder.
        seed: of draws, weights and shuffling.
        filters: those in force, which are priced beside others; all else is judged without any.
        with_seed: whether the preset `seed` is trained beside.
        say: called with a sentence for each finished step.
    """
    run = train_towers(
        store, DEFAULT, split, _made(folder / "default"), seed=seed, say=lambda epoch: say(epoch_line(epoch))
    )
    weeks = label_weeks(store, run, DEFAULT, folder / "weeks", weeks=RANKER_WEEKS, seed=seed, say=say)
    blenders, rankings = fit_blenders(weeks[-1], say), train_rankers(store, weeks, seed=seed, say=say)
    del weeks  # a gigabyte
    towers = refit_towers(store, run, DEFAULT, folder / "refit", seed=seed).towers
    test = EvaluationWindow.between(store, split.as_of, split.as_of + timedelta(days=7), _made(folder / "test"))
    queries, vectors = test.queries(store, towers), test.item_vectors(store, towers)
    sources, _ = sources_at(store, test.past, test.item_ids, vectors, split.as_of)
    keep = blended(queries, sources, blenders.keep, Exclusions())
    fresh = blended(queries, sources, blenders.drop, Exclusions(pairs=queries.histories.bought))
    judge = Scoreboard.of(test.judge, test.past, test.user_codes, seed)
    unfiltered = CandidateLists(BLENDED, keep.positions, fresh.positions)
    say(judge.evaluate(unfiltered))
    say(judge.evaluate(_ranked(store, test, queries, rankings, keep, fresh, split)))
    say(judge.evaluate(two_tower_lists(TWO_TOWERS, queries, sources.index)))
    reader = FeatureReader(store, "offline")
    user_features = reader.read(FILTER_USERS, test.user_ids, split.as_of)
    item_features = reader.read(CANDIDATE_ITEMS, test.item_ids, split.as_of)
    users = build_user_context(user_features, queries.histories, split.as_of)
    item_context = build_item_context(item_features, test.judge.item_ids, split.as_of)
    prices = measure_filter_costs(Shop(queries, sources, blenders, users, item_context, judge), unfiltered, filters)
    past, cut = test.past, test.judge.cut
    simple = []
    for lists in baselines(past, cut, test.user_codes, len(test.item_ids), DEPTH, test.judge.bought):
        say(judge.evaluate(lists))
        simple.append(lists.name)
    if with_seed:
        seeded = replace(split, start=None)
        copied = train_towers(store, SEED, seeded, _made(folder / "seed"), seed=seed, say=lambda _: None)
        other = refit_towers(store, copied, SEED, folder / "seed_refit", seed=seed).towers
        index = ItemIndex(test.judge.item_ids, test.item_vectors(store, other))
        say(judge.evaluate(two_tower_lists(PRESET_SEED, test.queries(store, other), index)))
        simple.append(PRESET_SEED)
    return {
        "cut_date": f"{split.as_of:%Y-%m-%d}",
        "users": test.judge.users,
        "users_new": len(judge.new_rows),
        "cold_users": cold_users_slice(sources.popularity, test.cold, judge.k, seed),
        "models": judge.results,
        "comparisons": compare_models(
            judge.user_metrics,
            judge.resamples,
            (BLENDED, RANKED_LISTS, TWO_TOWERS),
            tuple(simple),
            comparison_metrics(judge.cutoffs),
        ),
        "sources": _where_from(queries, sources, keep, test.judge),
        "filter_costs": prices,
        "rankings": ranking_results(rankings, judge, as_retrieved=BLENDED, as_ranked=RANKED_LISTS),
        "training_history": _curve(run.training_history),
    }


def _ranked(
    store: FeatureStore, test: EvaluationWindow, queries: Queries, rankings: TrainedRankers, keep: BlendedLists,
    fresh: BlendedLists, split: TimeSplit,
) -> CandidateLists:  # fmt: skip
    """The fused lists in the rankers' order."""
    reader = FeatureReader(store, "offline")
    told = reader.read(RANKING_USERS, test.user_ids, split.as_of)
    items = ItemFeatures.from_table(reader.read(CANDIDATE_ITEMS, test.item_ids, split.as_of))

    def positions(blended: BlendedLists, ranker: Ranker | None) -> NDArray[np.int32]:
        return ordered(blended, ranker, queries.histories, told, items).blended.positions

    return CandidateLists(RANKED_LISTS, positions(keep, rankings.keep.ranker), positions(fresh, rankings.drop.ranker))


def _where_from(queries: Queries, sources: SourceSet, keep: BlendedLists, week: ValidationWindow) -> SourceResults:
    """Where the candidates of the first few thousand users come from."""
    few = next(queries.blocks(_USERS_TAKEN_APART))
    lists = sources.retrieve(few, DEPTH)
    return source_shares(lists, keep.slice(0, len(few)), week.relevant.slice(0, len(few)), BUDGETS)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _curve(training_history: TrainingHistory) -> list[EpochRow]:
    return [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "recall": None if epoch.window_metrics.failed_checks else epoch.window_metrics.recall,
            "new_item_recall": None if epoch.window_metrics.failed_checks else epoch.window_metrics.new_item_recall,
        }
        for epoch in training_history.epochs
    ]
