"""What the ranker learns from: lists of past days as retrieval really made them, and what was bought of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures


@dataclass(frozen=True, eq=False)
class TrainingExamples:
    """Candidates of n lists with what their users bought in the week after.

    The lists of one day come from towers and features of before that day; a user may have lists of several days.

    Attributes:
        pairs: of n lists.
        relevant: n lists, what each list's user bought in the week after the list's day, whether listed or not.
        users: int64 (n,), codes: lists of equal codes are of one user.

    Raises:
        ValueError: the three are not about the same lists.
    """

    pairs: PairFeatures
    relevant: ItemLists
    users: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not self.pairs.users == len(self.relevant) == len(self.users):
            raise ValueError(
                f"Pairs, relevant items and users must be of the same lists, not of {self.pairs.users}, "
                f"{len(self.relevant)} and {len(self.users)}."
            )

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Put the lists of several days together; at least one part, all with the same codes of users."""
        rows = np.concatenate([part.relevant.rows + start for part, start in zip(parts, _starts(parts), strict=True)])
        return cls(
            PairFeatures.together([part.pairs for part in parts]),
            ItemLists.from_pairs(
                rows, np.concatenate([part.relevant.positions for part in parts]), sum(map(len, parts))
            ),
            np.concatenate([part.users for part in parts]),
        )

    def __len__(self) -> int:
        """How many lists there are, n."""
        return len(self.users)

    @cached_property
    def bought(self) -> NDArray[np.bool_]:
        """Which candidates were bought, bool (pairs,)."""
        return self.relevant.contains_pairs(self.pairs.rows, self.pairs.positions)

    @cached_property
    def judged(self) -> NDArray[np.intp]:
        """The lists of which an order can be judged: there are candidates, and something was bought; ascending."""
        candidates = np.bincount(self.pairs.rows, minlength=len(self))
        return np.flatnonzero((candidates > 0) & (self.relevant.lengths > 0))

    def take(self, lists: NDArray[np.integer[Any]]) -> Self:
        """Return some lists, ascending and none twice, numbered from 0."""
        return type(self)(self.pairs.take(lists), self.relevant.take(lists), self.users[lists])

    def drawn(self, lists: int, seed: int) -> Self:
        """Return so many lists, drawn by chance; all if there are no more."""
        if lists >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), lists, replace=False)))


def _starts(parts: Sequence[TrainingExamples]) -> NDArray[np.int64]:
    return np.cumsum([0, *(len(part) for part in parts[:-1])])
