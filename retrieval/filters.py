"""What a user must not be shown."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.item_lists import ItemLists

AlreadyBought: TypeAlias = Literal["drop", "keep"]
"""Whether items that a user has bought before are left out of the user's candidates."""


def check_masks(n: int, items: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> None:
    """Raise ValueError unless `excluded` is n lists of positions below `items` and `eligible` is (items,) bool."""
    if excluded is not None and (len(excluded) != n or excluded.positions.max(initial=0) >= items):
        raise ValueError(
            f"Excluded items must be {n} lists of positions below {items}, not {len(excluded)} lists of positions "
            f"up to {excluded.positions.max(initial=0)}."
        )
    if eligible is not None and (eligible.shape != (items,) or eligible.dtype != np.bool_):
        raise ValueError(f"Eligible must be ({items},) bool, not {eligible.shape} {eligible.dtype}.")
