"""The department cap: a limit on lists, so that it depends on the other items of a list and their order."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.topk import ranks_within_groups


@dataclass(frozen=True, eq=False)
class DepartmentCap:
    """Keeps the best n items of each department on a list. A `candidates.over_fetching.Cap`.

    An item's department is its `department_name`; where this is missing, its garment group stands in.

    Attributes:
        at_most: n, at least 1.
        departments: (items,) int32, codes from 0; items of unknown department, -1, are not capped.

    Raises:
        ValueError: An argument does not have this form.
    """

    name: ClassVar[str] = "department_cap"
    at_most: int
    departments: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.at_most < 1:
            raise ValueError(f"The cap must be at least 1 item per department, not {self.at_most}.")
        if self.departments.ndim != 1 or self.departments.dtype != np.int32 or self.departments.min(initial=-1) < -1:
            raise ValueError(
                f"Departments must be (items,) int32 codes from 0, or -1 where unknown, not {self.departments.shape} "
                f"{self.departments.dtype} from {self.departments.min(initial=-1)}."
            )

    @property
    def explanation(self) -> str:
        """Why a candidate is excluded, as a sentence."""
        return f"The item's department has reached its maximum on the list, {self.at_most}."

    def keep_mask(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return which candidates have fewer than n better ones of their department, (pairs,) bool.

        Args:
            rows: (pairs,) the user of each candidate.
            positions: (pairs,) positions of items, each user's in the order of their list, best first.
        """
        departments = self.departments[positions]
        keys = rows.astype(np.int64) * (int(self.departments.max(initial=-1)) + 2) + departments + 1
        return np.asarray((ranks_within_groups(keys) < self.at_most) | (departments < 0))

    def max_lengths(self, n: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return the length of the longest list that each of n users can have under these masks, (n,) int64."""
        width = int(self.departments.max(initial=-1)) + 2
        listed = self.departments if eligible is None else self.departments[eligible]
        counts = np.broadcast_to(np.bincount(listed + 1, minlength=width), (n, width))
        if excluded is not None:
            rows, positions = excluded.rows, excluded.positions
            if eligible is not None:
                kept = eligible[positions]
                rows, positions = rows[kept], positions[kept]
            cells = rows * width + self.departments[positions] + 1
            counts = counts - np.bincount(cells, minlength=n * width).reshape(n, width)
        return np.asarray(counts[:, 0] + np.minimum(counts[:, 1:], self.at_most).sum(axis=1), np.int64)
