"""Single purchases as columns of codes: which user bought which item of the index, and when."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PurchaseCodes:
    """One row per purchase, in any order.

    Attributes:
        user_codes: int32 (rows,), at least 0.
        item_positions: int32 (rows,), positions in the item index, at least 0.
        purchased_at: datetime64[us] (rows,), UTC.

    Raises:
        ValueError: the arrays do not have this form.
    """

    user_codes: NDArray[np.int32]
    item_positions: NDArray[np.int32]
    purchased_at: NDArray[np.datetime64]

    def __post_init__(self) -> None:
        columns = (self.user_codes, self.item_positions, self.purchased_at)
        dtypes = [str(column.dtype) for column in columns]
        if dtypes != ["int32", "int32", "datetime64[us]"]:
            raise ValueError(
                f"User codes, item positions and times must be int32, int32 and datetime64[us], not {dtypes}."
            )
        if {column.shape for column in columns} != {(len(self.user_codes),)}:
            raise ValueError(f"The columns must be equally long, not {[column.shape for column in columns]}.")
        if self.user_codes.min(initial=0) < 0 or self.item_positions.min(initial=0) < 0:
            raise ValueError("User codes and item positions must be at least 0.")
        if np.isnat(self.purchased_at).any():
            raise ValueError("Every purchase needs its time: some are missing.")

    def __len__(self) -> int:
        """Return the number of purchases."""
        return len(self.user_codes)

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Return the rows where `kept`, bool (rows,), is True."""
        return type(self)(self.user_codes[kept], self.item_positions[kept], self.purchased_at[kept])

    def before(self, cut: np.datetime64) -> Self:
        """Return the rows strictly before `cut`, UTC."""
        return self.where(self.purchased_at < cut)

    def latest_buyers(self, most: int) -> NDArray[np.int32]:
        """Return the users who bought last, at most `most`, int32, ascending; equally late ones by code."""
        by_user = np.lexsort((self.purchased_at, self.user_codes))
        codes = self.user_codes[by_user]
        last = np.flatnonzero(np.append(codes[1:] != codes[:-1], len(codes) > 0))
        newest_first = np.argsort(-self.purchased_at[by_user][last].astype(np.int64), kind="stable")
        return np.sort(codes[last][newest_first][:most])
