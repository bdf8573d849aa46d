"""Whether a release is better than the current one, and than what sells, on the same users of the validation week."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from feast import FeatureStore
from numpy.typing import NDArray

from evaluation.bootstrap import paired_interval
from features.errors import InputError
from features.store.reader import FeatureReader
from features.store.registry import tower_schemas
from models.release.earlier_release import EarlierRelease
from models.release.release import LATEST, load_item_tower
from pipelines.train_towers import TrainedTowers

_BESTSELLERS = "last week's bestsellers"


@dataclass(frozen=True)
class Gate:
    """The decision.

    Attributes:
        passed: whether it is clearly above the bestsellers, and not clearly below the current release.
        sentence: one line that tells why.
    """

    passed: bool
    sentence: str


def gate(store: FeatureStore, run: TrainedTowers, releases: Path) -> Gate:
    """Compare recall with that of the current release, and of last week's bestsellers.

    The current release is asked about the same users and catalogue as of the same cut: its towers as they are served,
    if it is from before the cut; if they have seen some of the days that judge here, its towers as they were when they
    were judged themselves. One that cannot be asked is not beaten. A release passes if it is not clearly worse than the
    current release (the 95 % interval of the difference reaches zero or lies above it) and clearly better than the
    bestsellers (it lies above zero).
    """
    mine = run.training_history.best.window_metrics.user_recall
    ahead, low, high = _difference(mine, run.baselines[_BESTSELLERS].user_recall)
    passed = low > 0
    told = [f"{ahead:+.4f} ({low:+.4f} to {high:+.4f}) beside {_BESTSELLERS}"]
    if (releases / LATEST).is_file():
        try:
            version, asked, theirs = _current(store, run, releases)
        except InputError as error:
            passed = False
            told.append(f"the current release cannot be asked: {error}")
        else:
            ahead, low, high = _difference(mine, theirs)
            passed &= high >= 0
            told.append(f"{ahead:+.4f} ({low:+.4f} to {high:+.4f}) beside release {version} as it {asked}")
    k = max(run.week.cutoffs)
    return Gate(passed, f"gate {'passed' if passed else 'NOT passed'}: recall@{k} {'; '.join(told)}")


def _current(store: FeatureStore, run: TrainedTowers, releases: Path) -> tuple[str, str, NDArray[np.float64]]:
    """The current release's name, in which state it was asked, and each user's recall."""
    current = EarlierRelease.read(releases, LATEST)
    release, asked, cut = current.release, run.data.validation, run.data.purchases.split.cut
    if current.cut > cut:
        raise InputError(f"{release.version} has learned from days after {cut:%Y-%m-%d}, which are to judge.")
    release.check_tower_services(tower_schemas(store, release.schemas.query.service, release.schemas.item.service))
    reader = FeatureReader(store, "offline")
    users = reader.read(release.schemas.query.service, asked.user_ids, cut)
    items = reader.read(release.schemas.item.service, asked.item_ids, cut)
    if release.as_of <= cut:
        state, queries = "is served", release.query_tower.query_vectors(users)
        vectors = load_item_tower(releases, release).vectors(items)
    else:
        towers = current.towers()
        state, queries, vectors = "was judged", towers.query_vectors(users), towers.item_vectors(items)
    return release.version, state, run.week.evaluate_vectors(*queries, vectors).user_recall


def _difference(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float, float]:
    return float((mine - theirs).mean()), *paired_interval(mine, theirs, seed=0)
