"""Sanity checks of a model: degenerate metrics and collapsed vectors, and how much lists of two releases overlap."""

from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from candidates.index import ItemIndex

HIGHEST_COSINE: Final = 0.999
LOWEST_RANK: Final = 2.0
MIN_EXPECTED_BY_CHANCE: Final = 5.0
MIN_DISTINCT_RATIO: Final = 1.1
MIN_USERS: Final = 10  # fewer users may share their candidates by chance
MIN_VECTORS: Final = 10  # fewer vectors may lie on a line by chance
QUERY_VECTORS: Final = "query vectors"
NEW_ITEM_QUERY_VECTORS: Final = "new-item query vectors"
_SAMPLED_USERS: Final = 500  # a sample is enough, and saves a second search of all users
_SAMPLED_VECTORS: Final = 4_096  # collapsed vectors are collapsed in any sample; mean cosine and rank hardly change
_Number = TypeVar("_Number", bound=np.generic)
_NOT_FINITE: Final = "Vectors are not finite: training diverged, lower the learning rate."


@dataclass(frozen=True)
class VectorDiversity:
    """How different query vectors are, and the items that they retrieve.

    Of vectors that collapsed to one, the mean cosine is 1, the effective rank 1, and the distinct items are k.

    Attributes:
        mean_cosine: over all pairs of different vectors, -1 to 1.
        effective_rank: see `effective_rank`, 1 to dimensions.
        distinct_items: number of different items in the top k of all vectors together.
        k: length of the lists.
        queries: number of vectors.
        dimensions: length of the vectors.
    """

    mean_cosine: float
    effective_rank: float
    distinct_items: int
    k: int
    queries: int
    dimensions: int

    @classmethod
    def of(cls, vectors: NDArray[np.floating[Any]], positions: NDArray[np.int32]) -> Self:
        """Measure query vectors.

        Args:
            vectors: (queries, dimensions) floating point, finite, at least one.
            positions: (queries, k) int32, the top k items of each; -1 is padding.
        """
        return cls(
            mean_cosine=mean_cosine(vectors),
            effective_rank=effective_rank(vectors),
            distinct_items=len(np.unique(positions[positions >= 0])),
            k=positions.shape[1],
            queries=len(vectors),
            dimensions=vectors.shape[1],
        )


@dataclass(frozen=True)
class CollapseCheck:
    """Whether the vectors of two towers have collapsed.

    Attributes:
        failed_checks: one sentence for each failed check, none if all passed.
        diversities: of the query vectors, by kind: `QUERY_VECTORS`, `NEW_ITEM_QUERY_VECTORS`; empty if vectors are not
            finite.
    """

    failed_checks: tuple[str, ...]
    diversities: dict[str, VectorDiversity]

    @classmethod
    def of(
        cls,
        item_ids: pa.StringArray,
        queries: NDArray[np.float32],
        new_item_queries: NDArray[np.float32],
        items: NDArray[np.float32],
        k: int,
    ) -> Self:
        """Check vectors, and the top k items of a sample of the users.

        Args:
            item_ids: string (items,), ascending.
            queries: float32 (users, dimensions).
            new_item_queries: float32 (users, content dimensions), queries for items that the user never bought.
            items: float32 (items, dimensions).
            k: at least 1.
        """
        by_kind = {QUERY_VECTORS: queries, NEW_ITEM_QUERY_VECTORS: new_item_queries}
        if not all(np.isfinite(vectors).all() for vectors in (*by_kind.values(), items)):
            return cls((_NOT_FINITE,), {})
        index = ItemIndex(item_ids, items)
        samples = {kind: _sample(vectors, _SAMPLED_USERS) for kind, vectors in by_kind.items()}
        # Bought items are not excluded here: with the exclusion, collapsed vectors would retrieve different lists.
        lists = {kind: index.search(vectors, k)[0] for kind, vectors in samples.items()}
        failed = [message for kind, top in lists.items() for message in check_lists(top, k, kind)]
        for kind, vectors in {"item vectors": items, **by_kind}.items():
            if len(vectors) >= MIN_VECTORS:
                failed += check_vectors(vectors, kind)
        return cls(tuple(failed), {kind: VectorDiversity.of(samples[kind], top) for kind, top in lists.items()})


def check_recall(k: int, recall: NDArray[np.float64], relevant: int, items: int) -> list[str]:
    """Check that recall is not exactly 0 or exactly 1 for all users.

    Such a recall is degenerate only if random lists would be expected to contain, or to miss, some relevant items: in a
    small catalogue it may happen by chance.

    Args:
        k: The cutoff, at least 1.
        recall: (n,) float64, each user's recall at k.
        relevant: The number of relevant items of all users together.
        items: The size of the catalogue.

    Returns:
        One sentence for each failed check.

    Raises:
        ValueError: There are no users, recall has another shape, or k is less than 1.
    """
    n = len(recall)
    if recall.ndim != 1 or n == 0 or k < 1:
        raise ValueError(f"Recall must be (users,) of at least one user, and k at least 1, not {recall.shape} and {k}.")
    expected_hits = relevant * min(1.0, k / items)
    if (recall == 0).all() and expected_hits >= MIN_EXPECTED_BY_CHANCE:
        return [f"Recall@{k} is exactly 0 for all {n} users: ids or vectors of users and items do not match."]
    if (recall == 1).all() and relevant - expected_hits >= MIN_EXPECTED_BY_CHANCE:
        return [f"Recall@{k} is exactly 1 for all {n} users: labels leak into the lists, or ties count as hits."]
    return []


def check_lists(positions: NDArray[np.int32], k: int, name: str) -> list[str]:
    """Check that users do not all have the same list, or nearly so: at most 1.1 k distinct items together.

    Args:
        positions: (n, width) int32, best first, retrieved from the whole catalogue; -1 is padding.
        k: The cutoff. Shorter lists come from a catalogue smaller than k and pass.
        name: What the query vectors are called in messages.
    """
    n, top = len(positions), positions[:, :k]
    if n < 2 or top.shape[1] < k:
        return []
    distinct = len(np.unique(top[top >= 0]))
    if distinct == k:
        return [f"All {n} users have the same {k} items: the {name} have collapsed."]
    if n >= MIN_USERS and distinct <= MIN_DISTINCT_RATIO * k:
        return [f"All {n} users have nearly the same {k} items, {distinct} distinct ones: the {name} have collapsed."]
    return []


def check_vectors(vectors: NDArray[np.floating[Any]], name: str) -> list[str]:
    """Check that the mean cosine over all pairs of vectors is not too high and the effective rank not too low.

    Zero and infinite vectors are counted among all rows. Cosine and rank are those of every n-th row, at most
    `_SAMPLED_VECTORS` of them: of a catalogue of a hundred thousand items they took a tenth of a training.

    Args:
        vectors: (rows, dimensions) floating point, at least two rows.
        name: What the vectors are called in messages, for example "item vectors".

    Returns:
        One sentence for each failed check. Vectors of zeros or that are not finite have no cosine; they get one
        sentence only.

    Raises:
        ValueError: There are fewer than two rows, or `vectors` is not two-dimensional.
    """
    if vectors.ndim != 2 or len(vectors) < 2:
        raise ValueError(f"The check needs at least two {name} of shape (rows, dimensions), not {vectors.shape}.")
    invalid = int((~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1)).sum())
    if invalid:
        return [f"{invalid} of {len(vectors)} {name} are zero or not finite."]
    failed = []
    sample = _sample(vectors, _SAMPLED_VECTORS)
    cosine = mean_cosine(sample)
    if cosine > HIGHEST_COSINE:
        failed.append(
            f"The {name} all point in the same direction: their mean pairwise cosine is {cosine:.5f}, above "
            f"{HIGHEST_COSINE}."
        )
    rank = effective_rank(sample)
    if rank < LOWEST_RANK:
        failed.append(
            f"The {name} lie on a line: their effective rank is {rank:.2f} of {vectors.shape[1]} dimensions, "
            f"below {LOWEST_RANK:g}."
        )
    return failed


def mean_cosine(vectors: NDArray[np.floating[Any]]) -> float:
    """Return the mean cosine over all pairs of different rows of (rows, dimensions), 1 if there is no pair.

    The squared length of the sum of unit vectors counts each pair twice and each row once with itself. A row of zeros
    has the cosine 0 with all others.
    """
    rows = len(vectors)
    if rows < 2:
        return 1.0
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    units = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    total = units.sum(axis=0)
    return float((total @ total - (units**2).sum()) / (rows * (rows - 1)))


def effective_rank(vectors: NDArray[np.floating[Any]]) -> float:
    """Return exp(-sum p log p) with p the singular values of (rows, dimensions) divided by their sum, 1 to dimensions.

    The exponential of their entropy: Roy and Vetterli, "The effective rank: a measure of effective dimensionality",
    EUSIPCO 2007. 0 if all values are zero.
    """
    wide = vectors.astype(np.float64)
    # The singular values are the square roots of the eigenvalues of the small Gram matrix.
    with threadpool_limits(1, "blas"):  # threads wait for each other most of the time
        singular = np.sqrt(np.linalg.eigvalsh(wide.T @ wide).clip(min=0))
    if not singular.any():
        return 0.0
    shares = singular / singular.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _sample(rows: NDArray[_Number], most: int) -> NDArray[_Number]:
    """Return every n-th row, at most `most` of them."""
    return rows[:: max(1, -(-len(rows) // most))]


def list_overlap(earlier: NDArray[np.int32], later: NDArray[np.int32]) -> float:
    """Return the share of each user's earlier list that the later list contains, averaged over users.

    Args:
        earlier: (users, width) int32, different items in each row; -1 is padding. Users with an empty list are left
            out.
        later: (users, any width) int32, of the same users, positions in the same catalogue.

    Raises:
        ValueError: the numbers of users differ, or no user has an earlier list.
    """
    if len(earlier) != len(later) or not (earlier >= 0).any():
        raise ValueError(
            f"Both lists must have the same users, with an item at least, not {earlier.shape} and {later.shape}."
        )
    shares = [
        np.isin(before[before >= 0], after).mean()
        for before, after in zip(earlier, later, strict=True)
        if (before >= 0).any()
    ]
    return float(np.mean(shares))
