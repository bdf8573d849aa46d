"""The trees of a fitted gradient boosting as plain arrays: loading them runs no code, and scoring takes microseconds.

A traversal from node to node waits for each comparison. Here all tests of all trees are evaluated, after QuickScorer
(Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees", SIGIR
2015): a failed test excludes the leaves of its left subtree, and the exit leaf of a tree is its leftmost leaf that no
test excludes. The loop over the rows of a block has no branch, so that it uses the processor's vector instructions.
"""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from features.errors import InputError

MAX_LEAVES: Final = 16  # one bit each
_DTYPES: Final = {"features": "int32", "thresholds": "float32", "kept": "uint16", "values": "float64"}
_ALL: Final = np.uint16(0xFFFF)
_LARGEST: Final = np.finfo(np.float32).max
_ENDLESS: Final = np.nextafter(_LARGEST, np.float32(0))  # a threshold that only a missing value exceeds
_ROWS_PER_BLOCK: Final = 64  # fixed, so that the compiler unrolls the loop; fewer rows are filled up
# The product with each of the 16 powers of two begins with another pattern of four bits (Leiserson, Prokop and Randall,
# "Using de Bruijn sequences to index a 1 in a computer word", 1998).
_DE_BRUIJN: Final = np.uint32(0x09AF)
_FIRST_BITS: Final = np.uint32(12)
_BITS: Final = np.uint32(0xFFFF)


@dataclass(frozen=True, eq=False)
class Trees:
    """An additive ensemble of binary trees.

    A test is whether a feature is at most a threshold. It reads a row of 2 x columns values: a missing feature is the
    smallest number in the first half and the largest in the second, so that the tested column determines the side to
    which missing values go. Trees with fewer tests are padded with tests that exclude no leaf.

    Attributes:
        columns: number of features.
        features: int32 (trees, tests), the tested one of the 2 x columns values.
        thresholds: float32 (trees, tests).
        kept: uint16 (trees, tests), the leaves that a failed test keeps, one bit per leaf, the leftmost leaf lowest.
        values: float64 (trees, MAX_LEAVES), of the leaves.
        start: added to the sum of the trees' values.
    """

    columns: int
    features: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    kept: NDArray[np.uint16]
    values: NDArray[np.float64]
    start: float

    @classmethod
    def from_model(cls, model: Any, columns: NDArray[np.integer[Any]], width: int) -> Self:
        """Convert the trees of a fitted binary classifier without categorical features.

        Args:
            model: scikit-learn's `HistGradientBoostingClassifier`, fitted on some of the columns of the matrix that
                `score` takes.
            columns: (features of the model,), their columns.
            width: number of columns of the matrix.

        Raises:
            ValueError: a tree has more than MAX_LEAVES leaves.
        """
        nodes = [predictors[0].nodes for predictors in model._predictors]  # noqa: SLF001
        most = max(1, *(len(tree) // 2 for tree in nodes))
        if most >= MAX_LEAVES:
            raise ValueError(f"A tree has {most + 1} leaves; the maximum is {MAX_LEAVES}.")
        shape = (len(nodes), most)
        features, thresholds = np.zeros(shape, np.int32), np.full(shape, _ENDLESS)
        kept, values = np.full(shape, _ALL), np.zeros((len(nodes), MAX_LEAVES))
        for row, tree in enumerate(nodes):
            tests, left, leaves = _traverse(tree)
            inner = tree[tests]
            missing_right = np.where(inner["missing_go_to_left"] == 1, 0, width)
            features[row, : len(tests)] = columns[inner["feature_idx"]] + missing_right
            thresholds[row, : len(tests)] = _round_down(inner["num_threshold"])
            kept[row, : len(tests)] = [_ALL ^ np.uint16(bits) for bits in left]
            values[row, : len(leaves)] = tree["value"][leaves]
        return cls(width, features, thresholds, kept, values, float(model._baseline_prediction[0, 0]))  # noqa: SLF001

    @property
    def used_columns(self) -> tuple[int, ...]:
        """The columns that any tree tests, ascending."""
        real = self.kept != _ALL
        return tuple(np.unique(self.features[real] % self.columns).tolist())

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All fitted values."""
        return (*(getattr(self, name) for name in _DTYPES), np.array(self.start))

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum the values of each row's exit leaves.

        Args:
            matrix: float32 (rows, columns), finite, or NaN for missing values.

        Returns:
            float32 (rows,), scikit-learn's `decision_function`.

        Raises:
            ValueError: the matrix does not have this form.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.columns or matrix.dtype != np.float32:
            raise ValueError(
                f"The matrix must be finite float32 (rows, {self.columns}), not {matrix.dtype} {matrix.shape}."
            )
        scores, finite = _score(np.ascontiguousarray(matrix), self.start, *self._prepared)
        if not finite:
            raise ValueError(f"The matrix must be finite float32 (rows, {self.columns}), but it has infinite values.")
        return np.asarray(scores)

    @cached_property
    def _prepared(self) -> tuple[NDArray[Any], ...]:
        """The arguments of `_score` that are derived from the arrays."""
        numbers = np.arange(1, self.kept.shape[1] + 1)
        test_counts = np.max(np.where(self.kept != _ALL, numbers, 0), axis=1, initial=0)  # without the padding
        leaves = np.arange(MAX_LEAVES, dtype=np.uint32)
        values = np.empty_like(self.values)
        values[:, ((np.uint32(1) << leaves) * _DE_BRUIJN & _BITS) >> _FIRST_BITS] = self.values
        return self.features, self.thresholds, ~self.kept, test_counts.astype(np.int64), values

    def write(self, path: Path) -> None:
        """Write the arrays to an .npz file."""
        np.savez(path, allow_pickle=False, start=self.start, **{name: getattr(self, name) for name in _DTYPES})

    @classmethod
    def read(cls, path: Path, columns: int) -> Self:
        """Read what `write` wrote.

        Args:
            path: of the file.
            columns: number of columns of the matrix that `score` takes.

        Raises:
            InputError: the file is missing or does not contain trees.
        """
        try:
            with np.load(path, allow_pickle=False) as content:
                arrays = {name: content[name] for name in _DTYPES}
                start = float(content["start"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} does not contain the trees of a ranker ({error}): train again.") from error
        trees = cls(columns=columns, start=start, **arrays)
        problem = trees._find_problem()
        if problem:
            raise InputError(f"{path} does not contain the trees of a ranker ({problem}): train again.")
        return trees

    def _find_problem(self) -> str:
        """Describe what makes the arrays invalid; empty if they are valid."""
        dtypes = {name: str(getattr(self, name).dtype) for name in _DTYPES}
        shape = self.features.shape
        if dtypes != _DTYPES or len(shape) != 2 or self.values.shape != (shape[0], MAX_LEAVES):
            return f"dtypes {dtypes} and shape {shape}"
        if not self.features.shape == self.thresholds.shape == self.kept.shape:
            return "arrays of different shapes"
        if self.features.min(initial=0) < 0 or self.features.max(initial=0) >= 2 * self.columns:
            return f"tests of more than {self.columns} features"
        if not np.bitwise_and.reduce(self.kept, axis=1).all():
            return "a tree whose tests exclude every leaf"
        numbers = (self.thresholds, self.values, np.array(self.start))
        return "" if all(np.isfinite(array).all() for array in numbers) else "numbers that are not finite"


def _traverse(tree: NDArray[Any]) -> tuple[list[int], list[int], list[int]]:
    """Return a tree's tests, the leaves of each test's left subtree as bits, and the leaves from left to right."""
    tests: list[int] = []
    left: list[int] = []
    leaves: list[int] = []

    def visit(node: int) -> None:
        if tree["is_leaf"][node]:
            leaves.append(node)
            return
        test, first = len(tests), len(leaves)
        tests.append(node)
        left.append(0)
        visit(int(tree["left"][node]))
        left[test] = (1 << len(leaves)) - (1 << first)
        visit(int(tree["right"][node]))

    visit(0)
    return tests, left, leaves


def _round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 that is not above each threshold: float32 values compare with both alike."""
    near = np.minimum(thresholds, _ENDLESS).astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


@compiled
def _score(
    matrix: NDArray[np.float32],
    start: float,
    features: NDArray[np.int32],
    thresholds: NDArray[np.float32],
    excluded_leaves: NDArray[np.uint16],
    test_counts: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float32], bool]:
    """Return the sum of `start` and the exit leaves' values of each row, and whether the matrix is finite or NaN."""
    rows, columns = matrix.shape
    scores, finite = np.empty(rows, np.float32), True
    tested = np.zeros((2 * columns, _ROWS_PER_BLOCK), np.float32)
    excluded, sums = np.empty(_ROWS_PER_BLOCK, np.uint16), np.empty(_ROWS_PER_BLOCK, np.float64)
    for first in range(0, rows, _ROWS_PER_BLOCK):
        block = min(_ROWS_PER_BLOCK, rows - first)
        for row in range(block):
            for column in range(columns):
                value = matrix[first + row, column]
                missing = np.isnan(value)
                finite &= not np.isinf(value)
                tested[column, row] = -_LARGEST if missing else value
                tested[columns + column, row] = _LARGEST if missing else value
        sums[:] = 0
        for tree in range(len(test_counts)):
            excluded[:] = 0
            for test in range(test_counts[tree]):
                column, threshold = tested[features[tree, test]], thresholds[tree, test]
                left = excluded_leaves[tree, test]
                for row in range(_ROWS_PER_BLOCK):
                    excluded[row] |= left if column[row] > threshold else np.uint16(0)
            leaves = values[tree]
            for row in range(_ROWS_PER_BLOCK):
                bits = np.uint32(excluded[row])
                lowest = ~bits & (bits + np.uint32(1))
                sums[row] += leaves[(lowest * _DE_BRUIJN & _BITS) >> _FIRST_BITS]
        for row in range(block):
            scores[first + row] = np.float32(start + sums[row])
    return scores, finite
