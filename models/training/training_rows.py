"""Encoded purchases of one or several days, with their queries and candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.encoding import Codes

Batch = dict[str, Any]


@dataclass(frozen=True)
class TrainingRows:
    """Purchases that share their candidates, with their queries.

    Attributes:
        queries: codes of the distinct queries, (queries, …).
        query_rows: int32 (purchases,), row of `queries` of each purchase.
        users: int32 (queries,), user of each query.
        new: bool (purchases,), whether the user had never bought the item.
        items: codes of the candidates, (candidates, …): the purchased items in the order of the purchases, then the
            items sampled from the catalogue.
        candidates: int32 (candidates,), catalogue item of each candidate.
        sales_shares: float32 (candidates,), share of the purchases that are of the candidate's item.
        sampling_probability: probability that one draw from the catalogue is a given item.
    """

    queries: Codes
    query_rows: NDArray[np.int32]
    users: NDArray[np.int32]
    new: NDArray[np.bool_]
    items: Codes
    candidates: NDArray[np.int32]
    sales_shares: NDArray[np.float32]
    sampling_probability: float

    def __len__(self) -> int:
        """Return the number of purchases."""
        return len(self.query_rows)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate parts that have no sampled candidates."""
        offsets = np.cumsum([0, *(_row_count(part.queries) for part in parts[:-1])])
        return cls(
            queries=_concat_codes([part.queries for part in parts]),
            query_rows=np.concatenate(
                [part.query_rows + np.int32(offset) for part, offset in zip(parts, offsets, strict=True)]
            ),
            users=np.concatenate([part.users for part in parts]),
            new=np.concatenate([part.new for part in parts]),
            items=_concat_codes([part.items for part in parts]),
            candidates=np.concatenate([part.candidates for part in parts]),
            sales_shares=np.concatenate([part.sales_shares for part in parts]),
            sampling_probability=parts[0].sampling_probability,  # without effect, as nothing is sampled
        )

    @property
    def sampled_count(self) -> int:
        """Number of candidates that were sampled from the catalogue."""
        return len(self.candidates) - len(self)

    def batch(self, rows: NDArray[np.int64], sampled: NDArray[np.int64]) -> Batch:
        """Return some purchases as a batch: their queries, and their items and some sampled items as candidates.

        Args:
            rows: int64 (b,), the purchases.
            sampled: int64, which of the sampled candidates, from 0.

        Returns:
            The inputs of `TwoTower.compute_loss`.
        """
        candidates = np.concatenate([rows, len(self) + sampled])
        # Expected count of each candidate among the batch's candidates. Scaled to at most 1, because TFRS takes it for
        # a probability; a common factor does not change the softmax.
        expected = len(rows) * self.sales_shares[candidates] + len(sampled) * self.sampling_probability
        # The purchases of one basket share a query.
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


def _row_count(codes: Codes) -> int:
    return len(next(iter(codes.values())))


def _concat_codes(parts: Sequence[Codes]) -> Codes:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
