"""The ranker: gradient boosting that predicts how likely each candidate is bought."""

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker_features import PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from features.errors import InputError
from features.files import sha256, write_json

MAX_PAIRS: Final = 1_000_000  # more pairs take gigabytes and hardly change a few hundred leaves
_FORMAT: Final = 3
_TREES: Final = "trees.txt"
_DESCRIPTION: Final = "ranker.json"
# Threads of OpenMP spin while they wait for each other at every node: on a busy core this is fifty times slower.
_THREADS: Final = 1


class InsufficientDataError(ValueError):
    """The examples do not allow to fit a ranker."""


@dataclass(frozen=True)
class BoostingConfig:
    """Settings of the gradient boosting; the defaults come from the experiment in `docs/log.md`.

    Attributes:
        trees: number of trees; all are grown, because early stopping depends too much on the sample.
        learning_rate: shrinkage of each tree.
        max_leaves: of one tree.
        min_pairs_per_leaf: minimum of pairs in a leaf; a feature that is defined for fewer pairs is not used.
        l2: regularization of the leaf values.
        features_per_split: share of the features that is drawn for each split.
    """

    trees: int = 200
    learning_rate: float = 0.03
    max_leaves: int = 15
    min_pairs_per_leaf: int = 200
    l2: float = 10.0
    features_per_split: float = 0.5


@dataclass(frozen=True, eq=False)
class Ranker:
    """A fitted ranker.

    Attributes:
        sources: names of the candidate sources, which determine the features.
        boosting: how it was fitted.
        trees: the fitted trees in LightGBM's text format; reading it runs no code.

    Raises:
        ValueError: the trees are not in this format, or are of other features.
    """

    sources: tuple[str, ...]
    boosting: BoostingConfig
    trees: str
    _booster: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import lightgbm  # noqa: PLC0415  it imports scikit-learn: a second that a release without rankers saves

        try:
            booster = lightgbm.Booster(model_str=self.trees)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"not trees in LightGBM's text format: {error}") from error
        if booster.num_feature() != len(self.feature_names):
            raise ValueError(f"trees of {booster.num_feature()} features, not of {len(self.feature_names)}")
        object.__setattr__(self, "_booster", booster)

    @classmethod
    def fit(cls, examples: TrainingExamples, seed: int, boosting: BoostingConfig | None = None) -> Self:
        """Fit the probability that a candidate is bought.

        Args:
            examples: lists of past days; if they have more than `MAX_PAIRS` pairs, a sample of lists is used.
            seed: of the sample and of the boosting; equal seeds and examples give equal rankers.
            boosting: `BoostingConfig()` by default.

        Raises:
            InsufficientDataError: no candidate or every candidate was bought, or no feature is defined for enough
                pairs.
        """
        import lightgbm  # noqa: PLC0415

        boosting = boosting or BoostingConfig()
        share = MAX_PAIRS / max(len(examples.bought), 1)
        examples = examples.sample(int(len(examples) * share), seed)
        matrix, bought = examples.pairs.matrix, examples.bought
        defined = np.count_nonzero(~np.isnan(matrix), axis=0)
        columns = int(np.count_nonzero(defined >= boosting.min_pairs_per_leaf))
        if bought.all() or not bought.any() or not columns:
            raise InsufficientDataError(
                f"{int(bought.sum()):,} of {len(bought):,} training candidates were bought, and {columns} "
                f"features are defined for at least {boosting.min_pairs_per_leaf:,} of them"
            )
        settings = {
            "objective": "binary",
            "learning_rate": boosting.learning_rate,
            "num_leaves": boosting.max_leaves,
            "min_data_in_leaf": boosting.min_pairs_per_leaf,
            "lambda_l2": boosting.l2,
            "feature_fraction_bynode": boosting.features_per_split,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,  # else LightGBM measures which is faster, and the result depends on it
            "verbosity": -1,
            "num_threads": _THREADS,
        }
        booster = lightgbm.train(settings, lightgbm.Dataset(matrix, bought.astype(np.float32)), boosting.trees)
        return cls(examples.pairs.sources, boosting, booster.model_to_string())

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return feature_names(self.sources)

    @cached_property
    def used_columns(self) -> tuple[int, ...]:
        """The columns of the feature matrix that any tree tests, ascending."""
        return tuple(np.flatnonzero(self._booster.feature_importance("split")).tolist())

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The values of all leaves, float64."""
        leaves = [line.partition("=")[2] for line in self.trees.splitlines() if line.startswith("leaf_value=")]
        return np.array(" ".join(leaves).split(), np.float64)

    def score(self, pairs: PairFeatures) -> NDArray[np.float32]:
        """Return the log odds that a user who buys anything in the next week buys the candidate, float32 (pairs,).

        Raises:
            ValueError: the candidates are of other sources, or a feature is infinite.
        """
        if pairs.sources != self.sources:
            raise ValueError(f"The ranker needs candidates of the sources {self.sources}, not of {pairs.sources}.")
        if np.isinf(pairs.matrix).any():
            raise ValueError("Ranker features must be finite or NaN, but some are infinite.")
        if not len(pairs.matrix):
            return np.zeros(0, np.float32)
        scores = self._booster.predict(pairs.matrix, raw_score=True, num_threads=_THREADS)
        return np.asarray(scores, np.float32)

    def write(self, folder: Path) -> None:
        """Write the trees and a description of the ranker to a new folder."""
        folder.mkdir(parents=True)
        (folder / _TREES).write_text(self.trees, encoding="utf-8")
        description = {
            "format": _FORMAT,
            "sources": self.sources,
            "boosting": asdict(self.boosting),
            "features": self.feature_names,
            "trees": sha256(folder / _TREES),
        }
        write_json(folder / _DESCRIPTION, description)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            InputError: a file is missing or is not a ranker's, or the features are not those of this program.
        """
        path = folder / _DESCRIPTION
        description = _read_description(path)
        try:
            sources, features = tuple(map(str, description["sources"])), tuple(map(str, description["features"]))
            settings, version, digest = dict(description["boosting"]), description["format"], description["trees"]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} does not describe a ranker ({error!r}): train again.") from error
        names = feature_names(sources)
        if version != _FORMAT or features != names:
            other = sorted(set(features) ^ set(names)) or (["their order"] if features != names else [])
            differences = f"; they differ in: {', '.join(other)}" if other else ""
            raise InputError(
                f"{path} is of format {version} with {len(features)} features, but this program needs format {_FORMAT} "
                f"with {len(names)} features{differences}. Train again."
            )
        if settings.keys() != asdict(BoostingConfig()).keys():
            raise InputError(f"{path} does not describe a ranker (boosting has {', '.join(settings)}): train again.")
        path = folder / _TREES
        try:
            if sha256(path) != digest:  # LightGBM crashes on some damaged texts
                raise InputError(f"{path} was changed after it was written: train again.")
            return cls(sources, BoostingConfig(**settings), path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} does not contain the trees of a ranker ({error}): train again.") from error


def _read_description(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): use a release with a ranker, or train again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} does not describe a ranker: train again.")
    return content
