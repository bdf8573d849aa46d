"""One training, from the feature store to two towers; and what candidate sources are worth beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from evaluation.validation_week import Judgement, ValidationWeek
from features.dataset import Dataset, write_dataset
from features.errors import InputError
from features.feature_store import tower_schemas
from features.time_split import TimeSplit
from jobs.console import Stopwatch, bar
from jobs.sourcing import purchases_before, queries_at, sources_at
from models.config import Config
from models.curve import Curve, Epoch
from models.learned import Learned
from models.training import Towers, train
from retrieval.fusion import MOST_PAIRS, Fusion
from retrieval.item_lists import ItemLists
from retrieval.pool import Pool
from retrieval.sources import DEPTH

_USERS_LEARNED_FROM = 2_000


@dataclass(frozen=True)
class Fusions:
    """How sources are put together: of everything, and of what the user never bought."""

    keep: Fusion
    drop: Fusion


@dataclass(frozen=True)
class TrainingRun:
    """What came of it.

    Attributes:
        data: what was learned from, and what it was judged by.
        week: the judge, of the days after the cut.
        baselines: what the simple lists were worth in that week, by name.
        towers: with the weights of the best epoch.
        curve: the epochs.
        seconds: of joining and fitting.
    """

    data: Dataset
    week: ValidationWeek
    baselines: dict[str, Judgement]
    towers: Towers
    curve: Curve
    seconds: dict[str, float]


def training_run(
    store: FeatureStore,
    config: Config,
    split: TimeSplit,
    folder: Path,
    *,
    seed: int,
    say: Callable[[Epoch], None],
    say_baseline: Callable[[str, Judgement], None] = lambda *_: None,
    earlier: Learned | None = None,
) -> TrainingRun:
    """Join, fit, and judge; nothing at or after `split.cut` is learned from but which epoch and which weights are kept.

    Args:
        store: an applied feature store.
        config: settings of the towers.
        split: the moments that part the purchases.
        folder: an empty folder for what is large.
        seed: of draws, weights and shuffling.
        say: called with each finished epoch.
        say_baseline: called with each simple list before the first epoch.
        earlier: what to go on from, of towers with the same services and settings.
    """
    watch = Stopwatch()
    schemas = tower_schemas(store, config.query_service, config.item_service)
    data = write_dataset(store, schemas, split, folder, sampled_per_day=config.sampled_per_day, seed=seed, progress=bar)
    asked, purchases = data.validation, data.purchases
    history, after = purchases.history(asked.user_ids), purchases.after_cut()
    week = ValidationWeek.of(asked.user_ids, asked.item_ids, history, after, split.cut)
    baselines = week.baselines()
    for name, judgement in baselines.items():
        say_baseline(name, judgement)
    joined = watch.seconds
    towers, curve = train(
        data, week, schemas, config, folder / "codes", seed=seed, progress=bar, report=say,
        earlier=earlier,
    )  # fmt: skip
    seconds = {"join": joined, "fit": watch.seconds - joined}
    return TrainingRun(data, week, baselines, towers, curve, seconds)


def fusions_of(store: FeatureStore, run: TrainingRun) -> Fusions:
    """Learn how to put the sources together from what was bought in the validation week.

    Raises:
        InputError: nothing in that week tells what the sources' words are worth.
    """
    asked, purchases = run.data.validation, run.data.purchases
    cut = purchases.split.cut
    past = purchases_before(purchases, asked.item_ids, cut)
    sources, _ = sources_at(store, past, asked.item_ids, run.towers.item_vectors(asked.catalogue), cut)
    vectors = run.towers.query_vectors(asked.queries)
    few = next(queries_at(store, asked.user_ids, run.week.item_ids, vectors, cut).blocks(_USERS_LEARNED_FROM))
    keep = learned_fusion(sources.pool(few, DEPTH), run.week.relevant.slice(0, len(few)), purchases.split)
    new = run.week.new_relevant.slice(0, len(few))
    return Fusions(keep, _fusion_of_new(sources.pool(few, DEPTH, few.histories.bought), new, purchases.split, keep))


def learned_fusion(pool: Pool, bought: ItemLists, split: TimeSplit) -> Fusion:
    """Learn the weights, if the candidates can teach any: some must have been bought, and some not.

    Args:
        pool: what the sources propose to n users.
        bought: what each of them bought in the validation days.
        split: says which days these are.

    Raises:
        InputError: all candidates were bought, or none.
    """
    # Asked of the candidates that `Fusion.fitted` looks at.
    hits = bought.contains_pairs(pool.rows[:MOST_PAIRS], pool.positions[:MOST_PAIRS])
    if hits.any() and not hits.all():
        return Fusion.fitted(pool, bought)
    raise InputError(
        f"Nothing tells what the candidate sources are worth: of {len(hits):,} candidates of {pool.users:,} users, "
        f"{int(hits.sum()):,} were bought from {split.cut:%Y-%m-%d} to {split.as_of:%Y-%m-%d}, and some must be and "
        "some not; choose another --as-of, or more --validation-days."
    )


def _fusion_of_new(pool: Pool, bought: ItemLists, split: TimeSplit, keep: Fusion) -> Fusion:
    """Learn the weights for what is new to the user; where nothing teaches them, those for everything serve."""
    try:
        return learned_fusion(pool, bought, split)
    except InputError:
        print(
            "the weights for all items serve for items new to the user, too: what was bought of those from "
            f"{split.cut:%Y-%m-%d} to {split.as_of:%Y-%m-%d} teaches none",
            flush=True,
        )
        return keep
