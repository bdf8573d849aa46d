"""Numbers that are faults: results that a broken model produces and no working one does."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.diversity import effective_rank, mean_cosine

HIGHEST_COSINE: Final = 0.999
LOWEST_RANK: Final = 2.0
FEWEST_BY_CHANCE: Final = 5.0
FEWEST_LISTS: Final = 1.1
ENOUGH_USERS: Final = 10  # fewer may share their lists by nature


def recall_faults(k: int, recall: NDArray[np.float64], relevant: int, items: int) -> list[str]:
    """Say what is wrong with a model's recall.

    A recall of 0 or 1 is a fault only where blind chance would have been expected to find, or to miss, a few items: in
    a small shop nobody may happen to buy what was listed.

    Args:
        k: The number of places judged, at least 1.
        recall: (n,) float64, each user's recall at k.
        relevant: How many relevant items all users have together.
        items: The size of the catalogue.

    Returns:
        One sentence for each fault, none if all is well.

    Raises:
        ValueError: There are no users, recall has another shape, or k is less than 1.
    """
    n = len(recall)
    if recall.ndim != 1 or n == 0 or k < 1:
        raise ValueError(f"Recall must be (users,) of at least one user, and k at least 1, not {recall.shape} and {k}.")
    hits_by_chance = relevant * min(1.0, k / items)
    if (recall == 0).all() and hits_by_chance >= FEWEST_BY_CHANCE:
        return [f"Recall@{k} is exactly 0 for all {n} users: ids or vectors of the two sides do not belong together."]
    if (recall == 1).all() and relevant - hits_by_chance >= FEWEST_BY_CHANCE:
        return [f"Recall@{k} is exactly 1 for all {n} users: the truth leaks into the lists, or ties count as hits."]
    return []


def sameness_faults(positions: NDArray[np.int32], k: int, name: str) -> list[str]:
    """Say whether all users have one list, or nearly one: together no more than a tenth more items than each of them.

    Args:
        positions: (n, width) int32, best first, out of the whole catalogue; -1 is padding.
        k: the number of places that are looked at. Shorter lists come from a catalogue smaller than k and are not
            accused.
        name: of the vectors that ask, for the sentence.
    """
    n, top = len(positions), positions[:, :k]
    if n < 2 or top.shape[1] < k:
        return []
    distinct = len(np.unique(top[top >= 0]))
    if distinct == k:
        return [f"All {n} users have the same {k} items: the {name} have collapsed."]
    if n >= ENOUGH_USERS and distinct <= FEWEST_LISTS * k:
        return [f"All {n} users have nearly the same {k} items, {distinct} together: the {name} have collapsed."]
    return []


def embedding_faults(vectors: NDArray[np.floating[Any]], name: str) -> list[str]:
    """Say what is wrong with a tower's vectors.

    Two measures of collapse, see `evaluation.diversity`: the mean cosine over all pairs of different rows, and the
    effective rank.

    Args:
        vectors: (rows, dimensions) floating point, at least two rows.
        name: What the rows are, for the sentences, for example "query vectors".

    Returns:
        One sentence for each fault, none if all is well. Vectors with nan, infinity or rows of zeros have no
        cosine and get that one sentence only.

    Raises:
        ValueError: There are fewer than two rows, or `vectors` is not two-dimensional.
    """
    if vectors.ndim != 2 or len(vectors) < 2:
        raise ValueError(
            f"Collapse shows between at least two {name} of shape (rows, dimensions), not {vectors.shape}."
        )
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    broken = int((~np.isfinite(lengths) | (lengths == 0)).sum())
    if broken:
        return [f"{broken} of {len(vectors)} {name} are zero or not finite."]
    faults = []
    cosine = mean_cosine(wide)
    if cosine > HIGHEST_COSINE:
        faults.append(
            f"The {name} all point the same way: their mean pairwise cosine is {cosine:.5f}, above {HIGHEST_COSINE}."
        )
    rank = effective_rank(wide)
    if rank < LOWEST_RANK:
        faults.append(
            f"The {name} lie on a line: their effective rank is {rank:.2f} of {vectors.shape[1]} dimensions, "
            f"below {LOWEST_RANK:g}."
        )
    return faults
