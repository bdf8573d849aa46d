"""Cross-validation by user: each list is scored by a ranker that has seen no list of its user."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ranking.examples import Examples
from ranking.ranker import Boosting, Ranker

FOLDS: Final = 5


@dataclass(frozen=True, eq=False)
class Fold:
    """One part of the users.

    Attributes:
        lists: intp, the lists of these users, ascending.
        ranker: learned from the lists of all others.
    """

    lists: NDArray[np.intp]
    ranker: Ranker


def fitted_folds(examples: Examples, seed: int, boosting: Boosting | None = None) -> list[Fold]:
    """Part the users by chance into `FOLDS` parts of equal size, and learn for each from the others.

    Raises:
        ValueError: there are fewer users than parts, or nothing can be learned from the others of a part.
    """
    users, codes = np.unique(examples.users, return_inverse=True)
    if len(users) < FOLDS:
        raise ValueError(f"{FOLDS} parts need as many users, not {len(users)}.")
    part_of_user = np.random.default_rng(seed).permutation(len(users)) % FOLDS
    parts = part_of_user[codes]
    return [
        Fold(np.flatnonzero(parts == part), Ranker.fitted(examples.take(np.flatnonzero(parts != part)), seed, boosting))
        for part in range(FOLDS)
    ]


def held_out_scores(examples: Examples, folds: Sequence[Fold]) -> NDArray[np.float32]:
    """Score every candidate by the ranker that has not seen its user, float32 (pairs,)."""
    scores = np.empty(len(examples.pairs.rows), np.float32)
    for fold in folds:
        scores[np.isin(examples.pairs.rows, fold.lists)] = fold.ranker.score(examples.pairs.take(fold.lists))
    return scores
