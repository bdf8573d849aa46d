"""Evaluation of gradient-boosted trees, many candidates at a time.

After Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees",
SIGIR 2015. Every node of a tree is tested for a block of rows by vector instructions, and removes the leaves that a row
cannot reach; the first leaf that remains is the row's. A walk from the root would wait for a comparison at each level.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled

MOST_LEAVES: Final = 31  # of one tree: a bit of a positive int32 for each
_ROWS: Final = 64  # of a block; their features stay in the processor's cache
_CATEGORICAL: Final = 1  # bits of LightGBM's `decision_type`
_MISSING_LEFT: Final = 2
_MISSING_SHIFT: Final = 2
_MISSING_IS_ZERO: Final = 1  # kinds of missing values above these bits
_MISSING_IS_NAN: Final = 2


@dataclass(frozen=True, eq=False)
class Trees:
    """Regression trees with numerical tests, whose scores are added.

    A row goes left if its feature is at most the threshold. The nodes and leaves of a tree follow each other, the
    leaves from left to right; a tree has one node less than leaves.

    Attributes:
        features: number of features.
        offsets: int64 (trees + 1,); the nodes of tree i are those from offsets[i] to offsets[i + 1] - 1.
        columns: int32 (nodes,), the feature that is tested.
        thresholds: float32 (nodes,).
        missing_left: bool (nodes,), whether NaN goes left.
        kept: int32 (nodes,), a bit for each leaf of the tree, set for those that a row can reach that goes right.
        leaves: float64 (nodes + trees,), the score of each leaf.
    """

    features: int
    offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    kept: NDArray[np.int32]
    leaves: NDArray[np.float64]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read LightGBM's text format.

        Raises:
            ValueError: the text is not in this format, or a tree has more than `MOST_LEAVES` leaves or a test that is
                not numerical.
        """
        try:
            header, *sections = text.partition("\nend of trees")[0].split("\nTree=")
            features = int(_values(header)["max_feature_idx"]) + 1
            trees = [_Tree.parse(section) for section in sections]
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"not trees in LightGBM's text format: {error!r}") from error
        if not trees:
            raise ValueError("not trees in LightGBM's text format: there is no tree")
        columns = np.concatenate([tree.columns for tree in trees])
        if len(columns) and not 0 <= columns.min() <= columns.max() < features:
            raise ValueError(f"not trees in LightGBM's text format: a column is not below {features}")
        return cls(
            features,
            np.cumsum([0, *(len(tree.columns) for tree in trees)]),
            columns,
            np.concatenate([tree.thresholds for tree in trees]),
            np.concatenate([tree.missing_left for tree in trees]),
            np.concatenate([tree.kept for tree in trees]),
            np.concatenate([tree.leaves for tree in trees]),
        )

    @cached_property
    def used_columns(self) -> tuple[int, ...]:
        """The features that any node tests, ascending."""
        return tuple(np.unique(self.columns).tolist())

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum of the scores of all trees, in their order, float64 (rows,).

        Args:
            matrix: float32 (rows, features), not infinite; NaN is a missing value.
        """
        scores = np.empty(len(matrix), np.float64)
        nodes = self.columns, self.thresholds, self.missing_left, self.kept
        _write_scores(np.ascontiguousarray(matrix), self.offsets, *nodes, self.leaves, scores)
        return scores


@dataclass(frozen=True, eq=False)
class _Tree:
    """One tree; attributes as of `Trees`."""

    columns: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    kept: NDArray[np.int32]
    leaves: NDArray[np.float64]

    @classmethod
    def parse(cls, section: str) -> Self:
        values = _values(section)
        leaves = np.array(values["leaf_value"].split(), np.float64)
        nodes = len(leaves) - 1
        if int(values["num_leaves"]) != len(leaves) or len(leaves) > MOST_LEAVES:
            raise ValueError(f"a tree has {values['num_leaves']} leaves, at most {MOST_LEAVES} are possible")
        columns, kinds, lefts, rights = (
            np.array(values[name].split() if nodes else [], np.int32)
            for name in ("split_feature", "decision_type", "left_child", "right_child")
        )
        thresholds = np.array(values["threshold"].split() if nodes else [], np.float64)
        if {len(each) for each in (columns, kinds, lefts, rights, thresholds)} != {nodes}:
            raise ValueError(f"a tree of {len(leaves)} leaves must have {nodes} nodes")
        missing = kinds >> _MISSING_SHIFT
        if (kinds & _CATEGORICAL).any() or (missing == _MISSING_IS_ZERO).any():
            raise ValueError("a test is not numerical, or its missing values are 0")
        order, kept = _arrange(lefts.tolist(), rights.tolist())
        if sorted(order) != [*range(len(leaves))]:
            raise ValueError("a tree does not reach each of its leaves once")
        # Elsewhere LightGBM takes NaN for 0.
        missing_left = np.where(missing == _MISSING_IS_NAN, kinds & _MISSING_LEFT > 0, thresholds >= 0)
        return cls(columns, _round_down(thresholds), missing_left, kept, leaves[order])


def _values(section: str) -> dict[str, str]:
    """Return the values of the lines "name=value"."""
    return {name: value for name, found, value in (line.partition("=") for line in section.splitlines()) if found}


def _arrange(lefts: list[int], rights: list[int]) -> tuple[list[int], NDArray[np.int32]]:
    """Return the leaves from left to right, and `Trees.kept` of each node.

    Args:
        lefts: the left child of each node: a node, or the complement of a leaf.
        rights: the right child.

    Raises:
        ValueError: a child comes before its parent.
    """
    order: list[int] = []
    kept = np.full(len(lefts), -1, np.int32)

    def visit(child: int, parent: int) -> None:
        if child < 0:
            order.append(~child)
            return
        if child <= parent:
            raise ValueError("a node comes before its parent")
        first = len(order)
        visit(lefts[child], child)
        kept[child] = ~sum(1 << leaf for leaf in range(first, len(order)))
        visit(rights[child], child)

    visit(0 if lefts else -1, -1)
    return order, kept


def _round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 that is not above each threshold: float32 features compare with both alike."""
    with np.errstate(over="ignore"):
        single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


@compiled
def _write_scores(
    matrix: NDArray[np.float32],
    offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    thresholds: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    kept: NDArray[np.int32],
    leaves: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> None:
    rows, features = matrix.shape
    block = np.zeros((features, _ROWS), np.float32)
    reached, sums = np.empty(_ROWS, np.int32), np.empty(_ROWS, np.float64)
    exponent_bits, exponent_of_1 = np.int32(23), np.int32(127)
    for start in range(0, rows, _ROWS):
        count = min(_ROWS, rows - start)
        for row in range(count):
            for feature in range(features):
                block[feature, row] = matrix[start + row, feature]
        sums[:] = 0.0
        for tree in range(len(offsets) - 1):
            _keep_reached(block, offsets[tree], offsets[tree + 1], columns, thresholds, missing_left, kept, reached)
            first = offsets[tree] + tree
            for row in range(_ROWS):
                # The lowest bit that is set is a power of 2: the exponent of the float32 is its number.
                lowest = np.float32(np.int32(reached[row] & -reached[row]))
                leaf = (lowest.view(np.int32) >> exponent_bits) - exponent_of_1
                sums[row] += leaves[first + leaf]
        for row in range(count):
            scores[start + row] = sums[row]


@compiled
def _keep_reached(
    block: NDArray[np.float32],
    start: int,
    stop: int,
    columns: NDArray[np.int32],
    thresholds: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    kept: NDArray[np.int32],
    reached: NDArray[np.int32],
) -> None:
    """Write the leaves of a tree, nodes `start` to `stop - 1`, that no test removes, for each row of a block."""
    all_leaves = np.int32(-1)
    reached[:] = all_leaves
    for node in range(start, stop):
        column, threshold, right = block[columns[node]], thresholds[node], kept[node]
        if missing_left[node]:  # no comparison with NaN is true
            for row in range(_ROWS):
                reached[row] &= right if column[row] > threshold else all_leaves
        else:
            for row in range(_ROWS):
                reached[row] &= all_leaves if column[row] <= threshold else right
