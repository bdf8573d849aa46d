"""The trees of a fitted gradient boosting, as plain arrays: loading them runs no code, asking them takes a millisecond.

scikit-learn asks its trees one after the other, which for three hundred candidates costs more than the trees do. Here
no tree is walked, all are asked all their tests, after QuickScorer (Lucchese et al., "QuickScorer: a fast algorithm to
rank documents with additive ensembles of regression trees", SIGIR 2015): a test that fails bars the leaves of its left
side, and of a tree's leaves the leftmost that nothing bars is reached.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from features.errors import InputError

MOST_LEAVES: Final = 16  # one bit each
_DTYPES: Final = {"features": "int32", "thresholds": "float32", "kept": "uint16", "values": "float64"}
_ALL: Final = np.uint16(0xFFFF)
_LARGEST: Final = np.finfo(np.float32).max
_ENDLESS: Final = np.nextafter(_LARGEST, np.float32(0))  # the threshold that only what is missing exceeds
_ROWS_PER_BLOCK: Final = 512  # trees x rows then stay in the cache


@dataclass(frozen=True, eq=False)
class Trees:
    """Binary trees whose values add up.

    A test asks whether a feature is at most a threshold. It is asked of a row of 2 x columns: a feature that is missing
    stands as the smallest number in the first half and as the largest in the second, so that the column says to which
    side what is missing goes. Trees with fewer tests are filled up with tests that bar nothing.

    Attributes:
        columns: how many features there are.
        features: int32 (trees, tests), which of the 2 x columns is tested.
        thresholds: float32 (trees, tests).
        kept: uint16 (trees, tests), the leaves that are still possible if the test fails, one bit each, the leftmost
            leaf lowest.
        values: float64 (trees, MOST_LEAVES).
        start: what is added to the trees' values.
    """

    columns: int
    features: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    kept: NDArray[np.uint16]
    values: NDArray[np.float64]
    start: float

    @classmethod
    def of(cls, model: HistGradientBoostingClassifier, columns: NDArray[np.integer[Any]], width: int) -> Self:
        """Take the trees of a fitted model of two classes, without categories.

        Args:
            model: fitted.
            columns: for each of its features, which of the `width` features it is here.
            width: how many features there are here.

        Raises:
            ValueError: a tree has more than MOST_LEAVES leaves.
        """
        nodes = [predictors[0].nodes for predictors in model._predictors]  # noqa: SLF001
        most = max(1, *(len(tree) // 2 for tree in nodes))
        if most >= MOST_LEAVES:
            raise ValueError(f"A tree has {most + 1} leaves; there may be at most {MOST_LEAVES}.")
        shape = (len(nodes), most)
        features, thresholds = np.zeros(shape, np.int32), np.full(shape, _ENDLESS)
        kept, values = np.full(shape, _ALL), np.zeros((len(nodes), MOST_LEAVES))
        for place, tree in enumerate(nodes):
            tests, left, leaves = _walked(tree)
            asked = tree[tests]
            right = np.where(asked["missing_go_to_left"] == 1, 0, width)
            features[place, : len(tests)] = columns[asked["feature_idx"]] + right
            thresholds[place, : len(tests)] = _rounded_down(asked["num_threshold"])
            kept[place, : len(tests)] = [_ALL ^ np.uint16(bits) for bits in left]
            values[place, : len(leaves)] = tree["value"][leaves]
        return cls(width, features, thresholds, kept, values, float(model._baseline_prediction[0, 0]))  # noqa: SLF001

    @property
    def tested(self) -> tuple[int, ...]:
        """The features that are tested anywhere, ascending."""
        real = self.kept != _ALL
        return tuple(np.unique(self.features[real] % self.columns).tolist())

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that was learned."""
        return (*(getattr(self, name) for name in _DTYPES), np.array(self.start))

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add up the values of the leaves that each row reaches.

        Args:
            matrix: float32 (rows, columns), finite or NaN for what is missing.

        Returns:
            float32 (rows,), scikit-learn's `decision_function`.

        Raises:
            ValueError: the matrix does not have this form.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.columns or matrix.dtype != np.float32 or np.isinf(matrix).any():
            raise ValueError(
                f"The matrix must be finite float32 (rows, {self.columns}), not {matrix.dtype} {matrix.shape}."
            )
        scores = np.empty(len(matrix), np.float32)
        for start in range(0, len(matrix), _ROWS_PER_BLOCK):
            scores[start : start + _ROWS_PER_BLOCK] = self._scored(matrix[start : start + _ROWS_PER_BLOCK])
        return scores

    def _scored(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        told = np.ascontiguousarray(matrix.T)
        missing = np.isnan(told)
        asked = np.concatenate([np.where(missing, -_LARGEST, told), np.where(missing, _LARGEST, told)])
        exclusions = np.zeros((len(self.values), len(matrix)), np.uint16)
        # One test of every tree at a time: so much memory stays in the cache, and is not asked for anew.
        for features, thresholds, kept in zip(self.features.T, self.thresholds.T, self.kept.T, strict=True):
            exclusions |= (asked[features] > thresholds[:, None]) * ~kept[:, None]
        # As many leaves are barred from the left as there are ones below the lowest zero.
        reached = np.bitwise_count(exclusions & ~(exclusions + np.uint16(1)))
        firsts = np.arange(len(self.values))[:, None] * MOST_LEAVES
        return np.asarray(self.start + self.values.ravel()[firsts + reached].sum(axis=0))

    def write(self, path: Path) -> None:
        """Write the arrays to an .npz file."""
        np.savez(path, start=self.start, **{name: getattr(self, name) for name in _DTYPES})

    @classmethod
    def read(cls, path: Path, columns: int) -> Self:
        """Read what `write` wrote, for rows of so many columns.

        Raises:
            InputError: the file is missing or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as content:
                arrays = {name: content[name] for name in _DTYPES}
                start = float(content["start"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} holds no trees of a ranker ({error}): train again.") from error
        trees = cls(columns=columns, start=start, **arrays)
        wrong = trees._wrong()
        if wrong:
            raise InputError(f"{path} holds no trees of a ranker: {wrong}; train again.")
        return trees

    def _wrong(self) -> str:
        """What the arrays have that no trees have; empty if nothing."""
        dtypes = {name: str(getattr(self, name).dtype) for name in _DTYPES}
        shape = self.features.shape
        if dtypes != _DTYPES or len(shape) != 2 or self.values.shape != (shape[0], MOST_LEAVES):
            return f"dtypes {dtypes} and shape {shape}"
        if not self.features.shape == self.thresholds.shape == self.kept.shape:
            return "arrays of different shapes"
        if self.features.min(initial=0) < 0 or self.features.max(initial=0) >= 2 * self.columns:
            return f"tests of more than {self.columns} features"
        if not np.bitwise_and.reduce(self.kept, axis=1).all():
            return "a tree whose tests bar every leaf"
        numbers = (self.thresholds, self.values, np.array(self.start))
        return "" if all(np.isfinite(array).all() for array in numbers) else "numbers that are not finite"


def _walked(tree: NDArray[Any]) -> tuple[list[int], list[int], list[int]]:
    """The tests of a tree, for each of them the leaves of its left side as bits, and the leaves from left to right."""
    tests: list[int] = []
    left: list[int] = []
    leaves: list[int] = []

    def walk(node: int) -> None:
        if tree["is_leaf"][node]:
            leaves.append(node)
            return
        place, first = len(tests), len(leaves)
        tests.append(node)
        left.append(0)
        walk(int(tree["left"][node]))
        left[place] = (1 << len(leaves)) - (1 << first)
        walk(int(tree["right"][node]))

    walk(0)
    return tests, left, leaves


def _rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above: of a float32, both thresholds say the same."""
    near = np.minimum(thresholds, _ENDLESS).astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
