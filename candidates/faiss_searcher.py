"""FAISS proposes items for queries: product quantization for complete vectors, inverted lists for shorter ones."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from candidates.index import FEW_QUERIES
from candidates.item_lists import ItemLists
from candidates.parallel import threads_of_this_thread

Kind: TypeAlias = Literal["codes", "lists"]

# Items that are scored exactly, as a multiple of k, and inverted lists that are read: the efforts that are tried.
EFFORTS: Final[dict[Kind, tuple[int, ...]]] = {
    "codes": (4, 6, 8, 12, 16, 24, 32),
    "lists": (16, 24, 32, 48, 64, 96, 128, 256),
}
# The depth at which efforts are chosen; shorter lists need more codes for each of their items.
_LEAST_DEPTH: Final = 100
_FEWEST_TRAINING_VECTORS: Final = 624  # FAISS wants as many for the 16 codes of each pair of dimensions
_MOST_LISTS: Final = 256
_ITEMS_PER_LIST: Final = 39  # k-means of FAISS wants at least as many items for each list
# Inner products of 8 bits are not the exact ones: so many more items of lists are scored exactly, as a share of k.
_SPARE_SHARE: Final = 0.1
# Below this share of allowed items an index finds few of them: the exact search takes the same time as without masks.
_LEAST_ALLOWED_SHARE: Final = 0.25


@dataclass(frozen=True, eq=False)
class FaissSearcher:
    """An index of FAISS over the first dimensions of the item vectors.

    Attributes:
        kind: "codes" (all vectors in 4 bits for each pair of dimensions, product quantization) or "lists" (an inverted
            file of vectors in 8 bits).
        effort: of a search, see `EFFORTS`.
        index: of FAISS.
        nbytes: of the stored index.
    """

    kind: Kind
    effort: int
    index: Any
    nbytes: int

    @classmethod
    def build(cls, vectors: NDArray[np.float32], kind: Kind) -> Self:
        """Build an index of item vectors, float32 (items, d)."""
        faiss.omp_set_num_threads(threads_of_this_thread())
        dimensions, training = vectors.shape[1], vectors
        if kind == "codes":
            specification = f"PQ{dimensions // 2 if dimensions % 2 == 0 else dimensions}x4fs"
            training = np.resize(vectors, (max(len(vectors), _FEWEST_TRAINING_VECTORS), dimensions))  # repeats a few
        else:
            specification = f"IVF{max(1, min(_MOST_LISTS, len(vectors) // _ITEMS_PER_LIST))},SQ8"
        index = faiss.index_factory(dimensions, specification, faiss.METRIC_INNER_PRODUCT)
        index.train(training)
        index.add(vectors)
        return cls(kind, EFFORTS[kind][0], index, len(faiss.serialize_index(index)))

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return "approximate"

    @property
    def efforts(self) -> tuple[int, ...]:
        """The efforts that are tried."""
        return EFFORTS[self.kind]

    @property
    def least_allowed_share(self) -> float:
        """See `candidates.approximate_index.Searcher`."""
        return _LEAST_ALLOWED_SHARE

    def with_effort(self, effort: int) -> Self:
        """Return the same searcher with another effort."""
        return replace(self, effort=effort)

    def close(self) -> None:
        """Release the index; nothing is searched afterwards."""
        self.index.reset()

    def search(
        self,
        queries: NDArray[np.float32],
        depth: int,
        excluded: ItemLists,  # noqa: ARG002  filtered after the search
        eligible: NDArray[np.bool_] | None,
    ) -> NDArray[np.int32]:
        """Propose items, see `candidates.approximate_index.Searcher`; excluded items, and ineligible codes, too."""
        # A few queries are searched in less time than threads take to start.
        faiss.omp_set_num_threads(1 if len(queries) <= FEW_QUERIES else threads_of_this_thread())
        queries, items = np.ascontiguousarray(queries), self.index.ntotal
        if self.kind == "codes":
            share = 1.0 if eligible is None else float(eligible.mean())
            proposed = self.index.search(queries, min(items, round(self.effort * max(depth, _LEAST_DEPTH) / share)))[1]
        else:
            selector = {}
            if eligible is not None:
                bits = np.packbits(eligible, bitorder="little")
                selector = {"sel": faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))}
            parameters = faiss.SearchParametersIVF(nprobe=self.effort, **selector)
            proposed = self.index.search(queries, min(items, depth + int(_SPARE_SHARE * depth)), params=parameters)[1]
        positions: NDArray[np.int32] = proposed.astype(np.int32)
        return positions

    def write(self, path: Path) -> None:
        """Write the index to a file; the effort is not stored."""
        faiss.serialize_index(self.index).tofile(path)

    @classmethod
    def read(cls, path: Path, kind: Kind, effort: int, items: int, dimensions: int) -> Self:
        """Read what `write` wrote. FAISS trusts its files: they have to be verified before.

        Raises:
            ValueError: the file is not an index of so many items and dimensions.
        """
        content = np.fromfile(path, np.uint8)
        try:
            index = faiss.deserialize_index(content)
        except RuntimeError as error:
            raise ValueError(f"{path.name} is not an index of FAISS.") from error
        if (index.ntotal, index.d) != (items, dimensions):
            raise ValueError(
                f"{path.name} has {index.ntotal} items of {index.d} dimensions, not {items} of {dimensions}."
            )
        return cls(kind, effort, index, len(content))
