"""The gate: whether what a release would serve is better than the bestsellers and no worse than the current release."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.blender import Blender
from candidates.index import ItemIndex
from candidates.sources.source_set import DEPTH, Queries, SourceSet
from evaluation.baselines import LAST_WEEK_BESTSELLERS
from evaluation.bootstrap import paired_interval
from evaluation.metrics import Hits
from features.errors import InputError
from features.store.reader import FeatureReader
from features.store.registry import tower_schemas
from features.text import counted
from models.release.earlier_release import EarlierRelease
from models.release.find_release import LATEST
from models.towers import Towers
from pipelines.cross_fit import cross_fitted_lists
from pipelines.rank_candidates import RANKING_DEPTH
from pipelines.ranker_weeks import RankerWeek
from pipelines.served_metrics import BLENDED, ServedMetrics

# The interval of fewer users, or of fewer items that they bought, decides nothing.
FEWEST_USERS: Final = 50
FEWEST_PURCHASES: Final = 100


@dataclass(frozen=True)
class Gate:
    """The decision of the gate.

    Attributes:
        passed: whether the release is clearly better than the bestsellers, and not clearly worse than the current one.
        text: the decision, and a line for each comparison it rests on: mean difference and its 95 % interval.
    """

    passed: bool
    text: str

    @property
    def reasons(self) -> str:
        """The lines after the decision, as one."""
        return "; ".join(line.strip() for line in self.text.split("\n")[1:])


@dataclass(frozen=True, eq=False)
class CurrentRecalls:
    """The current release in the same validation window.

    Attributes:
        name: of the release and of the state in which it retrieved.
        recalls: float64 (users,).
    """

    name: str
    recalls: NDArray[np.float64]


def evaluate_gate(
    store: FeatureStore, week: RankerWeek, sources: SourceSet, served: ServedMetrics, releases: Path
) -> Gate:
    """Compare recall of the blended candidates with last week's bestsellers and with the current release.

    The candidates are those that the release would serve at the cut, with blender weights that have not seen the
    purchases of their users (`pipelines.cross_fit`). A ranker reorders the first `RANKING_DEPTH` candidates only, so
    recall at 100 of the ranked lists is the same: the gate needs no ranker and runs before the expensive steps. Filters
    are the same for both releases, and are left out.

    The current release retrieves for the same users, with features, catalogue, sales and neighbours as of the same cut:
    - as served, with its released towers and its own blender, if its moment is not after the cut;
    - as validated, if it has been refitted on days of the window: with its towers of before that refit, and blender
      weights fitted on the other half of the users, as for the new release.
    One that was trained on days of the window cannot be evaluated, and the gate is not passed.

    Args:
        store: an applied feature store.
        week: candidates and purchases of the validation window.
        sources: as of its start.
        served: metrics of the blended candidates and of the bestsellers on these users.
        releases: folder of the releases.
    """
    current: CurrentRecalls | str | None = None
    if _is_sufficient(served) and (releases / LATEST).is_file():
        try:
            current = _current_recalls(store, week, sources, max(served.cutoffs), releases)
        except InputError as error:
            current = str(error)
    return decide(served, current)


def decide(served: ServedMetrics, current: CurrentRecalls | str | None) -> Gate:
    """Decide from the recalls of each user.

    The release passes if the 95 % interval of its difference to the bestsellers lies above zero, and the interval of
    its difference to the current release does not lie below zero. In a window with fewer than `FEWEST_USERS` users or
    `FEWEST_PURCHASES` purchases it cannot pass.

    Args:
        served: metrics of the bestsellers, and of the blended candidates if they could be blended.
        current: the current release, the reason why it cannot be evaluated, or None if there is none.
    """
    if not _is_sufficient(served):
        return _not_evaluated(
            f"a validation window with {counted(served.users, 'user')} and {counted(served.purchases, 'purchase')} "
            f"cannot be judged: {FEWEST_USERS} users and {FEWEST_PURCHASES} purchases are needed"
        )
    if BLENDED not in served.values:
        return _not_evaluated("the blender cannot be fitted on both halves of the users")
    recalls = served.recalls(BLENDED)
    difference, (low, high) = _difference(recalls, served.recalls(LAST_WEEK_BESTSELLERS))
    passed = low > 0
    compared = [_line(difference, low, high, LAST_WEEK_BESTSELLERS)]
    if isinstance(current, str):
        passed = False
        compared.append(f"the current release cannot be evaluated: {current}")
    elif current is not None:
        difference, (low, high) = _difference(recalls, current.recalls)
        passed &= high >= 0
        compared.append(_line(difference, low, high, current.name))
    verdict = "passed" if passed else "NOT passed"
    return Gate(passed, "\n  ".join([f"gate {verdict}: {served.recall_name} of {BLENDED}", *compared]))


def _is_sufficient(served: ServedMetrics) -> bool:
    return served.users >= FEWEST_USERS and served.purchases >= FEWEST_PURCHASES


def _current_recalls(
    store: FeatureStore, week: RankerWeek, sources: SourceSet, k: int, releases: Path
) -> CurrentRecalls:
    """Retrieve with the current release for the users of a week.

    Raises:
        InputError: the release is damaged, does not fit the feature services or the sources, or has been trained on
            days of the week.
    """
    current = EarlierRelease.read(releases, LATEST)
    release = current.release
    if current.release.cut > week.start:
        raise InputError(f"release {release.version} was trained on days after {week.start:%Y-%m-%d}")
    release.check_tower_services(tower_schemas(store, release.schemas.query.service, release.schemas.item.service))
    as_served = release.as_of <= week.start
    queries, vectors = _current_vectors(store, current, week, as_served=as_served)
    pool = replace(sources, index=ItemIndex(sources.index.item_ids, vectors)).retrieve_pool(queries, DEPTH)
    if as_served:
        blender = Blender.from_json(release.blender["keep"])
        if blender.sources != pool.sources:
            raise InputError(f"release {release.version} blends other candidate sources")
        lists = blender.blend(pool, RANKING_DEPTH)
    else:
        lists = cross_fitted_lists(pool, week.bought, f"from {week.start:%Y-%m-%d} to {week.end:%Y-%m-%d}")
    name = f"release {release.version} as {'served' if as_served else 'validated'}"
    return CurrentRecalls(name, Hits.of(lists.positions, week.bought).recall(k))


def _current_vectors(
    store: FeatureStore, current: EarlierRelease, week: RankerWeek, *, as_served: bool
) -> tuple[Queries, NDArray[np.float32]]:
    """Embed the users and the catalogue of a week with the towers as served, or as validated before their refit."""
    schemas, reader = current.release.schemas, FeatureReader(store, "offline")
    users = reader.read(schemas.query.service, week.user_ids, week.start)
    items = reader.read(schemas.item.service, week.item_ids, week.start)
    checkpoint = current.release.served if as_served else current.validated
    towers = Towers.from_checkpoint(checkpoint, current.release.config)
    return Queries(*towers.query_vectors(users), week.queries.histories), towers.item_vectors(items)


def _difference(recalls: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """Return the mean difference and its 95 % interval."""
    return float((recalls - others).mean()), paired_interval(recalls, others, seed=0)


def _line(difference: float, low: float, high: float, name: str) -> str:
    return f"{difference:+.4f} ({low:+.4f} to {high:+.4f}) vs {name}"


def _not_evaluated(reason: str) -> Gate:
    return Gate(passed=False, text=f"gate NOT passed: the release cannot be evaluated\n  {reason}")
