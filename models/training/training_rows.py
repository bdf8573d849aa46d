"""Encoded purchases that share their candidates: the rows of a day, or of several days put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.encoding import Codes

Batch = dict[str, Any]


@dataclass(frozen=True)
class TrainingRows:
    """Purchases, their queries and their candidates.

    Attributes:
        queries: codes of the distinct queries, (queries, …).
        query_rows: int32 (purchases,), row of `queries` of each purchase.
        users: int32 (queries,), a number for each user.
        new: bool (purchases,), whether the user had never bought the item.
        items: codes of the candidates, (candidates, …): first the purchased items, in the order of the purchases, then
            those drawn from the catalogue.
        candidates: int32 (candidates,), a number for each catalogue item.
        sold: float32 (candidates,), share of the purchases that were of this item.
    """

    queries: Codes
    query_rows: NDArray[np.int32]
    users: NDArray[np.int32]
    new: NDArray[np.bool_]
    items: Codes
    candidates: NDArray[np.int32]
    sold: NDArray[np.float32]

    def __len__(self) -> int:
        """How many purchases there are."""
        return len(self.query_rows)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Put the purchases of several parts into one, which takes parts without drawn items only."""
        firsts = np.cumsum([0, *(_length(part.queries) for part in parts[:-1])])
        return cls(
            queries=_stacked([part.queries for part in parts]),
            query_rows=np.concatenate(
                [part.query_rows + np.int32(first) for part, first in zip(parts, firsts, strict=True)]
            ),
            users=np.concatenate([part.users for part in parts]),
            new=np.concatenate([part.new for part in parts]),
            items=_stacked([part.items for part in parts]),
            candidates=np.concatenate([part.candidates for part in parts]),
            sold=np.concatenate([part.sold for part in parts]),
        )

    @property
    def sampled(self) -> int:
        """How many candidates were drawn from the catalogue."""
        return len(self.candidates) - len(self)

    def batch(self, rows: NDArray[np.int64], sampled: NDArray[np.int64], sampling_probability: float) -> Batch:
        """The purchases in `rows` (b,), with their queries, and their items and some drawn ones as candidates.

        Args:
            rows: the purchases.
            sampled: which of the drawn candidates, from 0.
            sampling_probability: probability that one draw from the catalogue takes a given item.
        """
        candidates = np.concatenate([rows, len(self) + sampled])
        # Expected number of times that each candidate is among the batch's candidates, scaled to at most 1, because
        # TFRS takes it for a probability; a common factor does not change the softmax.
        expected = len(rows) * self.sold[candidates] + len(sampled) * sampling_probability
        # Whoever buys ten things at one moment asks once.
        queries, row = np.unique(self.query_rows[rows], return_inverse=True)
        return {
            "query": {name: codes[queries] for name, codes in self.queries.items()},
            "item": {name: codes[candidates] for name, codes in self.items.items()},
            "user": self.users[queries],
            "row": row.astype(np.int32),
            "new": self.new[rows],
            "candidate": self.candidates[candidates],
            "frequency": (expected / expected.max()).astype(np.float32),
        }


def _length(codes: Codes) -> int:
    return len(next(iter(codes.values())))


def _stacked(parts: Sequence[Codes]) -> Codes:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
