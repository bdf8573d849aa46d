"""One training, from the feature store to two towers; and what candidate sources are worth beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from evaluation.validation_week import Judgement, ValidationWeek
from features.dataset import Dataset, write_dataset
from features.feature_store import tower_schemas
from features.time_split import TimeSplit
from jobs.console import Stopwatch, bar
from jobs.sourcing import purchases_before, queries_at, sources_at
from models.config import Config
from models.curve import Curve, Epoch
from models.earlier_release import EarlierRelease
from models.training import Towers, train
from retrieval.fusion import Fusion
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
        earlier: the version of the release from which it went on.
    """

    data: Dataset
    week: ValidationWeek
    baselines: dict[str, Judgement]
    towers: Towers
    curve: Curve
    seconds: dict[str, float]
    earlier: str | None = None


def training_run(
    store: FeatureStore,
    config: Config,
    split: TimeSplit,
    folder: Path,
    *,
    seed: int,
    say: Callable[[Epoch], None],
    say_baseline: Callable[[str, Judgement], None] = lambda *_: None,
    earlier: EarlierRelease | None = None,
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
        earlier: the release from which to go on.
    """
    watch = Stopwatch()
    schemas = tower_schemas(store, config.query_service, config.item_service)
    if earlier is not None:
        earlier.require(config, schemas)
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
        earlier=earlier.learned if earlier else None,
    )  # fmt: skip
    seconds = {"join": joined, "fit": watch.seconds - joined}
    return TrainingRun(data, week, baselines, towers, curve, seconds, earlier.release.version if earlier else None)


def fusions_of(store: FeatureStore, run: TrainingRun) -> Fusions:
    """Learn how to put the sources together from what was bought in the validation week."""
    asked, purchases = run.data.validation, run.data.purchases
    cut = purchases.split.cut
    past = purchases_before(purchases, asked.item_ids, cut)
    sources, _ = sources_at(store, past, asked.item_ids, run.towers.item_vectors(asked.catalogue), cut)
    vectors = run.towers.query_vectors(asked.queries)
    few = next(queries_at(store, asked.user_ids, run.week.item_ids, vectors, cut).blocks(_USERS_LEARNED_FROM))
    return Fusions(
        keep=Fusion.fitted(sources.pool(few, DEPTH), run.week.relevant.slice(0, len(few))),
        drop=Fusion.fitted(sources.pool(few, DEPTH, few.histories.bought), run.week.new_relevant.slice(0, len(few))),
    )
