"""OpenSearch proposes items for queries: approximate nearest neighbours, with filters inside the search."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from opensearchpy import OpenSearch

from candidates.item_lists import ItemLists
from candidates.opensearch.connection import Connection, check_parts

# Candidates that the search of the graph keeps, at least as many as the list is long (`ef_search`).
EFFORTS: Final = (100, 200, 400, 800, 1600)
POSITION: Final = "position"
# A filter names so many items; what is beyond is left out afterwards, and the search goes deeper.
MOST_NAMED: Final = 5_000
_QUERIES_PER_REQUEST: Final = 64


def vector_field(dimensions: int) -> str:
    """Return the name of the field with the first dimensions of the item vectors."""
    return f"vector_{dimensions}"


@dataclass(frozen=True, eq=False)
class OpenSearchSearcher:
    """The vectors of some number of dimensions in an index of OpenSearch, a `candidates.approximate_index.Searcher`.

    Attributes:
        connection: to the server.
        index: its name, not an alias: a switch of the alias changes no search that has begun.
        dimensions: of the queries.
        effort: of a search, see `EFFORTS`.
    """

    connection: Connection
    index: str
    dimensions: int
    effort: int = EFFORTS[0]

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return "opensearch"

    @property
    def efforts(self) -> tuple[int, ...]:
        """The efforts that are tried."""
        return EFFORTS

    @property
    def nbytes(self) -> int:
        """Bytes of memory in this process."""
        return 0

    @property
    def least_allowed_share(self) -> float:
        """Filters are part of the search: it finds items however few are allowed."""
        return 0.0

    def with_effort(self, effort: int) -> Self:
        """Return the same searcher with another effort."""
        return replace(self, effort=effort)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def search(
        self, queries: NDArray[np.float32], depth: int, excluded: ItemLists, eligible: NDArray[np.bool_] | None
    ) -> NDArray[np.int32]:
        """Propose items, see `candidates.approximate_index.Searcher`.

        Raises:
            InputError: the server does not answer, or has no such index.
        """
        everywhere = _eligible_filter(eligible)
        proposed = np.full((len(queries), depth), -1, np.int32)
        for start in range(0, len(queries), _QUERIES_PER_REQUEST):
            block = range(start, min(start + _QUERIES_PER_REQUEST, len(queries)))
            bodies = [self._query(queries[row], depth, _excluded(excluded, row), everywhere) for row in block]
            for row, found in zip(block, self._search(bodies), strict=True):
                proposed[row, : len(found)] = found
        return proposed

    def _query(
        self, vector: NDArray[np.float32], depth: int, excluded: list[int], everywhere: dict[str, Any]
    ) -> dict[str, Any]:
        must_not = [*everywhere.get("must_not", ())]
        if excluded:
            must_not.append({"terms": {POSITION: excluded}})
        knn: dict[str, Any] = {
            "vector": vector.tolist(),
            "k": depth,
            "method_parameters": {"ef_search": max(self.effort, depth)},
        }
        if must_not or "filter" in everywhere:
            knn["filter"] = {"bool": {**everywhere, "must_not": must_not}}
        return {
            "size": depth,
            "_source": False,
            "docvalue_fields": [POSITION],
            "query": {"knn": {vector_field(self.dimensions): knn}},
        }

    def _search(self, bodies: list[dict[str, Any]]) -> list[list[int]]:
        """Return the positions that each query finds, best first."""
        lines = "".join(f"{{}}\n{json.dumps(body)}\n" for body in bodies)

        def search(client: OpenSearch) -> list[dict[str, Any]]:
            answers: list[dict[str, Any]] = client.msearch(body=lines, index=self.index)["responses"]
            check_parts(answers)
            return answers

        answers = self.connection.call(search)
        return [[hit["fields"][POSITION][0] for hit in answer["hits"]["hits"]] for answer in answers]


def _excluded(excluded: ItemLists, row: int) -> list[int]:
    start, stop = excluded.offsets[row], excluded.offsets[row + 1]
    positions: list[int] = excluded.positions[start:stop][:MOST_NAMED].tolist()
    return positions


def _eligible_filter(eligible: NDArray[np.bool_] | None) -> dict[str, Any]:
    """Return the part of a bool query that names eligible or ineligible items, whichever are few enough."""
    if eligible is None:
        return {}
    allowed, banned = np.flatnonzero(eligible), np.flatnonzero(~eligible)
    if len(banned) <= min(len(allowed), MOST_NAMED):
        return {"must_not": [{"terms": {POSITION: banned.tolist()}}]} if len(banned) else {}
    return {"filter": [{"terms": {POSITION: allowed.tolist()}}]} if len(allowed) <= MOST_NAMED else {}
