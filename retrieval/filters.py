"""What a user must not be shown."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from retrieval.item_lists import ItemLists

AlreadyBought: TypeAlias = Literal["drop", "keep"]
"""Whether items that a user has bought before are left out of the user's candidates."""


def excluded_items(
    bought: Sequence[NDArray[Any]], item_ids: NDArray[np.str_], already_bought: AlreadyBought
) -> ItemLists:
    """Return for each user the positions that the policy for items bought before leaves out.

    Args:
        bought: One array of item ids (str, or object holding str) per user, in any order, as read from the online
            store; an empty array is a user without history. Ids that the index does not hold are passed over: they
            cannot be returned anyway.
        item_ids: (items,) str, the ids of the index.
        already_bought: "drop" leaves out what the user has bought, "keep" leaves out nothing.

    Returns:
        One list per user.

    Raises:
        ValueError: The policy is neither of the two.
    """
    if already_bought not in get_args(AlreadyBought):
        raise ValueError(f"The policy for items bought before must be 'drop' or 'keep', not {already_bought!r}.")
    if already_bought == "keep" or len(bought) == 0:
        nothing = np.empty(0, np.int64)
        return ItemLists.from_pairs(nothing, nothing, len(bought))
    # Arrow looks ids up by hash, several times faster than a binary search among NumPy's strings.
    ids = pa.concat_arrays([pa.array(items, pa.string()) for items in bought])
    found = pc.index_in(ids, value_set=pa.array(item_ids, pa.string())).fill_null(-1).to_numpy()
    rows = np.repeat(np.arange(len(bought)), [len(items) for items in bought])
    known = found >= 0
    return ItemLists.from_pairs(rows[known], found[known], len(bought))


def check_masks(n: int, items: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> None:
    """Raise ValueError unless `excluded` is n lists of positions below `items` and `eligible` is (items,) bool."""
    if excluded is not None and (len(excluded) != n or excluded.positions.max(initial=0) >= items):
        raise ValueError(
            f"Excluded items must be {n} lists of positions below {items}, not {len(excluded)} lists of positions "
            f"up to {excluded.positions.max(initial=0)}."
        )
    if eligible is not None and (eligible.shape != (items,) or eligible.dtype != np.bool_):
        raise ValueError(f"Eligible must be ({items},) bool, not {eligible.shape} {eligible.dtype}.")
