"""The ranker: gradient boosting that says how likely each candidate is bought, and its place in a release."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from candidates.ranking.ranker_features import PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from candidates.ranking.trees import Trees
from features.errors import InputError
from features.files import write_json

MOST_PAIRS: Final = 1_000_000  # more change a few hundred leaves little, and take gigabytes
_FORMAT: Final = 1
_TREES: Final = "trees.npz"
_ABOUT: Final = "ranker.json"


class NothingToLearnError(ValueError):
    """Lists tell nothing of what is bought."""


@dataclass(frozen=True)
class Boosting:
    """How the ranker learns; the defaults are those of the experiment in the log.

    Attributes:
        trees: how many there are; all are grown, because what stops early stops by the luck of a sample.
        learning_rate: what each adds.
        leaves: the most leaves of one tree, at most `candidates.ranking.trees.MOST_LEAVES`.
        pairs_per_leaf: the fewest pairs in a leaf; a feature that is known of fewer pairs is not used.
        l2: regularisation of the leaves' values.
        features_per_split: the share of features among which each split is chosen.
    """

    trees: int = 200
    learning_rate: float = 0.03
    leaves: int = 15
    pairs_per_leaf: int = 200
    l2: float = 10.0
    features_per_split: float = 0.5


@dataclass(frozen=True, eq=False)
class Ranker:
    """A fitted ranker.

    Attributes:
        sources: names of the sources of the candidates that it knows.
        boosting: how it learned.
        trees: what it learned.
    """

    sources: tuple[str, ...]
    boosting: Boosting
    trees: Trees

    @classmethod
    def fitted(cls, examples: TrainingExamples, seed: int, boosting: Boosting | None = None) -> Self:
        """Learn which candidates are bought.

        Args:
            examples: lists of past days; of very many pairs, whole lists are drawn.
            seed: the same seed and examples give the same ranker.
            boosting: how to learn, `Boosting()` if it is not said.

        Raises:
            NothingToLearnError: no candidate was bought, or all were, or no feature is known of enough pairs.
        """
        boosting = boosting or Boosting()
        share = MOST_PAIRS / max(len(examples.bought), 1)
        examples = examples.drawn(int(len(examples) * share), seed)
        matrix, bought = examples.pairs.matrix, examples.bought
        columns = np.flatnonzero(np.count_nonzero(~np.isnan(matrix), axis=0) >= boosting.pairs_per_leaf)
        if bought.all() or not bought.any() or len(columns) == 0:
            raise NothingToLearnError(
                f"{int(bought.sum()):,} of {len(bought):,} candidates that teach were bought, and {len(columns)} "
                f"features are known of {boosting.pairs_per_leaf:,} of them: nothing can be learned"
            )
        model = HistGradientBoostingClassifier(
            max_iter=boosting.trees,
            learning_rate=boosting.learning_rate,
            max_leaf_nodes=boosting.leaves,
            min_samples_leaf=boosting.pairs_per_leaf,
            l2_regularization=boosting.l2,
            max_features=boosting.features_per_split,
            early_stopping=False,
            random_state=seed,
        )
        # Its threads wait for each other at every node by spinning: on a busy core that takes fifty times as long.
        with threadpool_limits(1, "openmp"):
            model.fit(matrix[:, columns], bought)
        return cls(examples.pairs.sources, boosting, Trees.of(model, columns, matrix.shape[1]))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return feature_names(self.sources)

    def score(self, pairs: PairFeatures) -> NDArray[np.float32]:
        """Return the log odds of being bought in the week after by a user who buys anything in it, float32 (pairs,).

        Raises:
            ValueError: the candidates are of other sources.
        """
        if pairs.sources != self.sources:
            raise ValueError(f"The ranker knows candidates of {self.sources}, not of {pairs.sources}.")
        return self.trees.score(pairs.matrix)

    def write(self, folder: Path) -> None:
        """Write the trees and what their features are into a folder, which is made."""
        folder.mkdir(parents=True)
        self.trees.write(folder / _TREES)
        about = {"format": _FORMAT, "sources": self.sources, "boosting": asdict(self.boosting), "features": self.names}
        write_json(folder / _ABOUT, about)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            InputError: a file is missing or holds something else, or the features are not those of this program.
        """
        about = _about(folder / _ABOUT)
        try:
            sources, features = tuple(map(str, about["sources"])), tuple(map(str, about["features"]))
            boosting, version = Boosting(**about["boosting"]), about["format"]
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder / _ABOUT} does not describe a ranker ({error!r}): train again.") from error
        names = feature_names(sources)
        if version != _FORMAT or features != names:
            other = sorted(set(features) ^ set(names)) or (["their order"] if features != names else [])
            differ = f"; they differ in: {', '.join(other)}" if other else ""
            raise InputError(
                f"{folder / _ABOUT} is of format {version} with {len(features)} features, not of format {_FORMAT} with "
                f"the {len(names)} of this program{differ}. Train again."
            )
        return cls(sources, boosting, Trees.read(folder / _TREES, len(names)))


def _about(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): choose a release with a ranker, or train again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} does not describe a ranker: train again.")
    return content
