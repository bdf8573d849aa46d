"""Training examples of the ranker: candidate lists of past days as retrieval made them, with the purchases after."""

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
    """Candidates on n lists, and the purchases of the lists' users in the following week.

    The lists of one day come from towers and features as of that day. A user may have lists of several days.

    Attributes:
        pairs: of n lists.
        relevant: n lists, all items that the list's user bought in the week after the list's day.
        user_codes: int64 (n,), equal for lists of the same user.

    Raises:
        ValueError: the three differ in the number of lists.
    """

    pairs: PairFeatures
    relevant: ItemLists
    user_codes: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not self.pairs.list_count == len(self.relevant) == len(self.user_codes):
            raise ValueError(
                f"Pairs, relevant items and users must be of the same lists, not of {self.pairs.list_count}, "
                f"{len(self.relevant)} and {len(self.user_codes)}."
            )

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the lists of several days; at least one part, all with the same user codes."""
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
        rows = np.concatenate([part.relevant.rows + start for part, start in zip(parts, starts, strict=True)])
        positions = np.concatenate([part.relevant.positions for part in parts])
        return cls(
            PairFeatures.concat([part.pairs for part in parts]),
            ItemLists.from_pairs(rows, positions, sum(map(len, parts))),
            np.concatenate([part.user_codes for part in parts]),
        )

    def __len__(self) -> int:
        """Return the number of lists, n."""
        return len(self.user_codes)

    @cached_property
    def bought(self) -> NDArray[np.bool_]:
        """Which candidates were bought, bool (pairs,)."""
        return self.relevant.contains_pairs(self.pairs.rows, self.pairs.positions)

    @cached_property
    def evaluable(self) -> NDArray[np.intp]:
        """The lists on which an order can be evaluated, ascending: those with candidates and with relevant items."""
        candidates = np.bincount(self.pairs.rows, minlength=len(self))
        return np.flatnonzero((candidates > 0) & (self.relevant.lengths > 0))

    def take(self, lists: NDArray[np.integer[Any]]) -> Self:
        """Return some lists, ascending and none twice, numbered from 0."""
        return type(self)(self.pairs.take(lists), self.relevant.take(lists), self.user_codes[lists])

    def sample(self, lists: int, seed: int) -> Self:
        """Return a random sample of lists; all lists if there are not more."""
        if lists >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), lists, replace=False)))
