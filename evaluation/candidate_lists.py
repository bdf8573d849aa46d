"""What a model or a simple list proposes to a number of users, in the two forms in which it is judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CandidateLists:
    """Ranked lists of one model for n users.

    Attributes:
        name: Of the model, as a reader is to see it.
        every: (n, k) int32 positions, best first, out of the whole catalogue; -1 is padding.
        fresh: (n, k) int32, the same out of what each user had not bought before. That was left out before the cut in
            k, so these lists are as long as the others.

    Raises:
        ValueError: The arrays do not have this form.
    """

    name: str
    every: NDArray[np.int32]
    fresh: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.every.dtype != np.int32 or self.fresh.dtype != np.int32:
            raise ValueError(f"Lists of positions must be int32, not {self.every.dtype} and {self.fresh.dtype}.")
        if self.every.ndim != 2 or self.every.shape != self.fresh.shape:
            raise ValueError(f"Both lists must be (users, k), not {self.every.shape} and {self.fresh.shape}.")
