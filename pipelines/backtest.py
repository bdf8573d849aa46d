"""The backtest: at each cut a release is trained on the days before it, and evaluated on the week after it."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

import numpy as np
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.filters.exclusions import Exclusions
from candidates.filters.settings import FilterSettings
from candidates.index import ItemIndex
from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.ranking.ranker import Ranker
from candidates.ranking.user_neighbours import UserNeighbours
from candidates.sources.source_set import DEPTH, Queries, SourceSet
from candidates.text_codes import TextCodes
from evaluation.baselines import baselines
from evaluation.comparisons import compare_models
from evaluation.metrics import CandidateLists, comparison_metrics, cutoffs_for
from evaluation.results import EpochRow, Results, RunInfo, SourceResults, WindowResult
from evaluation.scoreboard import Scoreboard
from evaluation.slices import cold_users_slice
from evaluation.source_shares import source_shares
from evaluation.summaries import combine_windows
from evaluation.validation_window import ValidationWindow
from evaluation.windows import Purpose, weekly_cuts
from features.progress import SILENT, Reporter, Stopwatch
from features.store.catalogue import catalogue_ids, user_ids
from features.store.data_end import data_end
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS, FILTER_USERS, RANKING_USERS
from features.store.service_schema import TowerSchemas
from features.time_split import TimeSplit
from features.training_data.purchases import count_purchases
from models.config import DEFAULT, SEED
from models.towers import Towers
from models.training.history import TrainingHistory
from pipelines.build_sources import build_sources, read_items
from pipelines.candidate_lists import blended_lists, two_tower_lists
from pipelines.filter_context import build_item_context, build_user_context, filter_warnings
from pipelines.filter_costs import FilteredRetrieval, filter_costs
from pipelines.fit_blender import Blenders
from pipelines.rank_candidates import rank_candidates
from pipelines.ranking_results import ranking_results
from pipelines.served_metrics import BLENDED, RANKED, TWO_TOWERS
from pipelines.train_ranker import TrainedRankers
from pipelines.train_release import train_release
from pipelines.training_messages import DetailReporter
from pipelines.training_options import TrainingOptions
from pipelines.window import EvaluationWindow, TowerWindow

BUDGETS: Final = (50, 100, 300)
WINDOW: Final = timedelta(days=7)
_USERS_OF_SOURCE_SHARES = 5_000

PRESET_SEED: Final = "two towers, preset seed"


@dataclass(frozen=True)
class BacktestOptions:
    """Settings of a backtest.

    Attributes:
        cuts: midnights UTC, ascending; each is evaluated on the seven days after it.
        filters: the filters in force, whose cost is measured beside that of others; all else is evaluated unfiltered.
        seed: of draws, weights and shuffling.
        with_seed_preset: whether towers of the preset `seed` are evaluated as a baseline.
        created: moment of the evaluation, for the results.
        commit: of the code, for the results.
    """

    cuts: Sequence[datetime]
    filters: FilterSettings
    seed: int
    with_seed_preset: bool
    created: datetime
    commit: str | None = None

    @classmethod
    def at_weekly_cuts(
        cls,
        store: FeatureStore,
        filters: FilterSettings,
        created: datetime,
        commit: str | None,
        *,
        cuts: int | None,
        weeks: Purpose,
        seed: int,
        without_seed: bool,
    ) -> Self:
        """Complete the options of `jobs/evaluate.py`.

        Args:
            store: an applied feature store.
            filters: the filters in force.
            created: moment of the evaluation.
            commit: of the code.
            cuts: number of cuts; None for all of their purpose.
            weeks: purpose of the weeks.
            seed: of draws, weights and shuffling.
            without_seed: leave the preset `seed` out.
        """
        return cls(weekly_cuts(data_end(store), weeks, cuts), filters, seed, not without_seed, created, commit)

    def warnings(self, store: FeatureStore) -> list[str]:
        """Return a sentence for each filter setting without effect at the end of the data."""
        return filter_warnings(store, self.filters, data_end(store))


def backtest(
    store: FeatureStore, options: BacktestOptions, folder: Path, reporter: Reporter = SILENT
) -> Iterator[Results]:
    """Evaluate at each cut, and yield the results of all cuts so far.

    A cut takes a quarter of an hour on the demo data, so results are usable before the last one.

    Args:
        store: an applied feature store.
        options: settings.
        folder: an empty folder for large files, which are removed after each cut.
        reporter: receives stages, metrics and details.
    """
    watch, end = Stopwatch(), data_end(store)
    items, users = len(catalogue_ids(store, end)), len(user_ids(store, end))
    purchases = count_purchases(store, end)
    cuts: list[WindowResult] = []
    for cut in options.cuts:
        reporter.stage(f"cut {cut:%Y-%m-%d}")
        cut_folder = _created(folder / f"{cut:%Y-%m-%d}")
        cuts.append(evaluate_cut(store, options, cut, cut_folder, reporter))
        shutil.rmtree(cut_folder)
        run: RunInfo = {
            "created": options.created.isoformat(timespec="seconds"),
            "commit": options.commit or "",
            "seed": options.seed,
            "users": users,
            "items": items,
            "purchases": purchases,
            "seconds": watch.seconds,
            "dataset": store.project,
            "filters": options.filters.to_json(),
        }
        yield combine_windows(run, cutoffs_for(items), cuts)


def evaluate_cut(
    store: FeatureStore,
    options: BacktestOptions,
    cut: datetime,
    folder: Path,
    reporter: Reporter = SILENT,
) -> WindowResult:
    """Train as for a release at a cut, and evaluate its lists and the baselines on the week after it.

    Args:
        store: an applied feature store.
        options: settings.
        cut: midnight UTC.
        folder: an empty folder for large files.
        reporter: receives stages, metrics and details.
    """
    split, seed = TimeSplit.for_release(cut, training_days=DEFAULT.training_days), options.seed
    trained = train_release(store, TrainingOptions(DEFAULT, split, seed), _created(folder / "default"), reporter)
    towers, blenders, rankers = trained.refitted_towers, *trained.models.fitted
    reporter.stage("evaluate on the week after the cut")
    window = EvaluationWindow.read(store, cut, cut + WINDOW, _created(folder / "window"))
    tower_window = _tower_window(store, towers, window)
    queries, vectors = tower_window.read_queries(store, towers), tower_window.item_vectors(towers)
    items = read_items(store, window.item_ids, cut)
    sources, _ = build_sources(items, window.past_purchases, window.item_ids, vectors, cut)
    keep = blended_lists(queries, sources, blenders.keep, Exclusions())
    drop = blended_lists(queries, sources, blenders.drop, Exclusions(pairs=queries.histories.bought))
    scoreboard = Scoreboard.of(window.validation, window.past_purchases, window.user_codes, seed)
    unfiltered = CandidateLists(BLENDED, keep.positions, drop.positions)
    reporter.metrics(scoreboard.evaluate(unfiltered))
    reporter.metrics(scoreboard.evaluate(_ranked_lists(store, window, queries, rankers, keep, drop)))
    reporter.metrics(scoreboard.evaluate(two_tower_lists(TWO_TOWERS, queries, sources.index)))
    costs = filter_costs(
        _filtered_retrieval(store, window, queries, sources, blenders, scoreboard), unfiltered, options.filters
    )
    names = []
    for lists in baselines(
        window.past_purchases,
        window.validation.cut,
        window.user_codes,
        len(window.item_ids),
        DEPTH,
        window.validation.bought,
    ):
        reporter.metrics(scoreboard.evaluate(lists))
        names.append(lists.name)
    if options.with_seed_preset:
        seed_options = TrainingOptions(SEED, replace(split, start=None), seed, ranker_weeks=0)
        other = train_release(store, seed_options, _created(folder / "seed"), DetailReporter(reporter)).refitted_towers
        tower_window = _tower_window(store, other, window)
        index = ItemIndex(window.validation.item_ids, tower_window.item_vectors(other))
        lists = two_tower_lists(PRESET_SEED, tower_window.read_queries(store, other), index)
        reporter.metrics(scoreboard.evaluate(lists))
        names.append(PRESET_SEED)
    return {
        "cut_date": f"{cut:%Y-%m-%d}",
        "users": window.validation.users,
        "users_new": len(scoreboard.new_rows),
        "cold_users": cold_users_slice(sources.popularity, window.cold_purchases, scoreboard.k, seed),
        "models": scoreboard.results,
        "comparisons": compare_models(
            scoreboard.user_metrics, scoreboard.resamples, (BLENDED, RANKED, TWO_TOWERS), tuple(names),
            comparison_metrics(scoreboard.cutoffs),
        ),
        "sources": _source_results(queries, sources, keep, window.validation),
        "filter_costs": costs,
        "rankings": ranking_results(rankers, scoreboard, as_retrieved=BLENDED, as_ranked=RANKED),
        "training_history": _epoch_rows(trained.towers.training_history),
    }  # fmt: skip


def _tower_window(store: FeatureStore, towers: Towers, window: EvaluationWindow) -> TowerWindow:
    return TowerWindow.read(store, TowerSchemas(towers.query.schema, towers.item.schema), window)


def _ranked_lists(
    store: FeatureStore,
    window: EvaluationWindow,
    queries: Queries,
    rankers: TrainedRankers,
    keep: BlendedLists,
    drop: BlendedLists,
) -> CandidateLists:
    """Return the blended lists in the order of the rankers."""
    reader = FeatureReader(store, "offline")
    item_codes = TextCodes.from_texts(window.item_ids)
    items = ItemFeatures.from_table(reader.read(CANDIDATE_ITEMS, window.item_ids, window.start), item_codes)
    users = UserFeatures.from_table(reader.read(RANKING_USERS, window.user_ids, window.start), items)
    neighbours = UserNeighbours.fit(window.past_purchases, window.validation.cut, len(window.item_ids))

    def positions(blended: BlendedLists, ranker: Ranker | None) -> NDArray[np.int32]:
        return rank_candidates(blended, ranker, queries.histories, users, items, neighbours).blended.positions

    return CandidateLists(RANKED, positions(keep, rankers.keep.ranker), positions(drop, rankers.drop.ranker))


def _filtered_retrieval(
    store: FeatureStore,
    window: EvaluationWindow,
    queries: Queries,
    sources: SourceSet,
    blenders: Blenders,
    scoreboard: Scoreboard,
) -> FilteredRetrieval:
    """Read what filters need to know of users and items as of the cut."""
    reader, start = FeatureReader(store, "offline"), window.start
    users = build_user_context(reader.read(FILTER_USERS, window.user_ids, start), queries.histories, start)
    item_codes = TextCodes.from_texts(window.item_ids)
    items = build_item_context(reader.read(CANDIDATE_ITEMS, window.item_ids, start), item_codes, start)
    return FilteredRetrieval(queries, sources, blenders, users, items, scoreboard)


def _source_results(
    queries: Queries, sources: SourceSet, keep: BlendedLists, window: ValidationWindow
) -> SourceResults:
    """Return the contribution of each source to the candidates of the first few thousand users."""
    block = queries.slice(0, min(len(queries), _USERS_OF_SOURCE_SHARES))
    lists = sources.retrieve(block, DEPTH).lists
    return source_shares(lists, keep.slice(0, len(block)), window.relevant.slice(0, len(block)), BUDGETS)


def _epoch_rows(training_history: TrainingHistory) -> list[EpochRow]:
    return [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "recall": None if epoch.window_metrics.failed_checks else epoch.window_metrics.recall,
            "new_item_recall": None if epoch.window_metrics.failed_checks else epoch.window_metrics.new_item_recall,
        }
        for epoch in training_history.epochs
    ]


def _created(folder: Path) -> Path:
    folder.mkdir()
    return folder
