"""How much of earlier lists stands in later ones."""

import numpy as np
from numpy.typing import NDArray


def overlap_of(earlier: NDArray[np.int32], later: NDArray[np.int32]) -> float:
    """Return the share of each user's earlier list that stands in his later one, averaged over users.

    Args:
        earlier: (users, width) int32, different items in each row; -1 is padding and passed over. Users with an empty
            list are left out.
        later: (users, any width) int32, of the same users, positions in the same catalogue.

    Raises:
        ValueError: there are not as many rows in both, or no user has an earlier list.
    """
    if len(earlier) != len(later) or not (earlier >= 0).any():
        raise ValueError(f"Lists of the same users are compared, not {earlier.shape} and {later.shape}.")
    shares = [
        np.isin(before[before >= 0], after).mean()
        for before, after in zip(earlier, later, strict=True)
        if (before >= 0).any()
    ]
    return float(np.mean(shares))
