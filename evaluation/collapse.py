"""Whether a tower's vectors have become alike: the alarm, and the figures that say how far they are from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.index import ItemIndex
from evaluation.diversity import VectorDiversity
from evaluation.faults import embedding_faults, sameness_faults

ANYTHING: Final = "anything"
SOMETHING_NEW: Final = "something new"
_ENOUGH_VECTORS = 10  # fewer vectors lie on a line by nature
_USERS_LOOKED_AT = 2_000  # enough to tell, and no further search of everybody
_NOT_FINITE = "Vectors are not finite: the training diverged, lower the learning rate."


@dataclass(frozen=True)
class Collapse:
    """What the alarm says of two towers, whatever their lists are worth.

    Attributes:
        faults: sentences, none if all is well.
        diversities: of the query vectors, by what they ask for; none if vectors are not finite.
    """

    faults: tuple[str, ...]
    diversities: dict[str, VectorDiversity]

    @classmethod
    def of(
        cls,
        item_ids: NDArray[np.str_],
        anything: NDArray[np.float32],
        something_new: NDArray[np.float32],
        items: NDArray[np.float32],
        k: int,
    ) -> Self:
        """Look at vectors, and at the k best items of some users.

        Args:
            item_ids: str (items,), ascending.
            anything: float32 (users, dimensions).
            something_new: float32 (users, dimensions).
            items: float32 (items, dimensions).
            k: at least 1.
        """
        asked = {ANYTHING: anything, SOMETHING_NEW: something_new}
        if not all(np.isfinite(vectors).all() for vectors in (*asked.values(), items)):
            return cls((_NOT_FINITE,), {})
        index, few = ItemIndex(item_ids, items), slice(_USERS_LOOKED_AT)
        # What a user bought stays in his lists here: without it, collapsed vectors would lead to different ones.
        lists = {name: index.search(vectors[few], k)[0] for name, vectors in asked.items()}
        faults = [
            *(fault for name, top in lists.items() for fault in sameness_faults(top, k, _named(name))),
            *_vector_faults({"item vectors": items, **{_named(name): vectors for name, vectors in asked.items()}}),
        ]
        return cls(tuple(faults), {name: VectorDiversity.of(asked[name][few], top) for name, top in lists.items()})


def _named(question: str) -> str:
    return f"query vectors for {question}"


def _vector_faults(vectors: Mapping[str, NDArray[np.float32]]) -> list[str]:
    return [
        fault
        for name, rows in vectors.items()
        if len(rows) >= _ENOUGH_VECTORS
        for fault in embedding_faults(rows, name)
    ]
