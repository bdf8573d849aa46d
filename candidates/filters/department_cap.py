"""The department cap: a limit on lists, so that it depends on the other items of a list and their order."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.item_lists import ItemLists


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
        if (rows[1:] < rows[:-1]).any():
            order, keep = np.argsort(rows, kind="stable"), np.empty(len(rows), np.bool_)
            keep[order] = self.keep_mask(rows[order], positions[order])
            return keep
        pairs = rows.astype(np.int64, copy=False), positions.astype(np.int32, copy=False)
        return np.asarray(_keep_mask(*pairs, self.departments, self._department_count, self.at_most))

    def max_lengths(self, n: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return the length of the longest list that each of n users can have under these masks, (n,) int64."""
        if eligible is None:
            eligible = np.ones(len(self.departments), np.bool_)
        if excluded is None:
            excluded = ItemLists.empty(n)
        lists = excluded.offsets, excluded.positions
        return np.asarray(_max_lengths(*lists, eligible, self.departments, self._department_count, self.at_most))

    @property
    def _department_count(self) -> int:
        return int(self.departments.max(initial=-1)) + 1


@compiled
def _keep_mask(
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
    departments: NDArray[np.int32],
    department_count: int,
    at_most: int,
) -> NDArray[np.bool_]:
    """Return which pairs have fewer than `at_most` earlier ones of their row and department; rows ascend."""
    keep = np.ones(len(rows), np.bool_)
    counts, counted = np.zeros(department_count, np.int64), np.full(department_count, -1, np.int64)
    for pair in range(len(rows)):
        department = departments[positions[pair]]
        if department >= 0:
            if counted[department] != rows[pair]:
                counted[department], counts[department] = rows[pair], 0
            keep[pair] = counts[department] < at_most
            counts[department] += 1
    return keep


@compiled
def _max_lengths(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    eligible: NDArray[np.bool_],
    departments: NDArray[np.int32],
    department_count: int,
    at_most: int,
) -> NDArray[np.int64]:
    """Return the most items that each list of excluded items leaves, int64 (n,)."""
    everything, longest = np.zeros(department_count, np.int64), 0
    for item in range(len(departments)):
        if eligible[item]:
            department = departments[item]
            longest += department < 0 or everything[department] < at_most
            if department >= 0:
                everything[department] += 1
    lengths = np.full(len(offsets) - 1, longest, np.int64)
    left, counted = np.zeros(department_count, np.int64), np.full(department_count, -1, np.int64)
    for row in range(len(lengths)):
        for entry in range(offsets[row], offsets[row + 1]):
            if eligible[positions[entry]]:
                department = departments[positions[entry]]
                if department < 0:
                    lengths[row] -= 1
                else:
                    if counted[department] != row:
                        counted[department], left[department] = row, everything[department]
                    lengths[row] -= left[department] <= at_most
                    left[department] -= 1
    return lengths
