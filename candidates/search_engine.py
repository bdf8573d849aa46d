"""What every engine that searches item vectors does, and how its lists are compared with exact ones."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.topk import TopK


class SearchEngine(Protocol):
    """Search of item vectors by inner product.

    `candidates.index.ItemIndex` is exact, `candidates.approximate_index.ApproximateIndex` approximate.
    `tests/candidates/test_search_engines.py` is the behaviour that all engines share.
    """

    def __len__(self) -> int:
        """Return the number of items."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return k items with large inner products for each query, best first; ties are ordered by position.

        A list has fewer than k items only if fewer are neither excluded nor ineligible. Scores are those of
        `candidates.index.ItemIndex.search`.

        Args:
            queries: float32 (n, dimensions), finite.
            k: at least 1; a k above the number of items means all items.
            excluded: n lists of positions that must not be returned for their query.
            eligible: bool (items,), False where an item must not be returned for any query.

        Returns:
            Lists of width min(k, items), padded where fewer items remain.

        Raises:
            ValueError: an argument does not have this form.
        """

    def close(self) -> None:
        """Release memory; nothing is searched afterwards."""


def list_recall(lists: TopK, exact: TopK) -> float:
    """Return the share of the exact lists that was found, 0 to 1; an item that ties with the last one of a list counts.

    Args:
        lists: (n, k), with the scores of the exact search.
        exact: (n, k), at least one item in all.
    """
    lengths = (exact[0] >= 0).sum(axis=1)
    rows = np.flatnonzero(lengths)
    last = exact[1][rows, lengths[rows] - 1]
    found = ((lists[0][rows] >= 0) & (lists[1][rows] >= last[:, None])).sum(axis=1)
    return float(np.minimum(found, lengths[rows]).sum() / lengths.sum())
