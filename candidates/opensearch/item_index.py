"""Indexes of item vectors in OpenSearch: written whole, then switched to by an alias, rolled back, and cleaned up.

    <alias>                               names the current index
    <alias>-<release>-<fingerprint>       an index; its `_meta` describes it and names the previous one

An index of the alias that neither the alias nor the current index names is what an interrupted run left.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from opensearchpy import OpenSearch

from candidates.opensearch.connection import BUILD, Connection, check_parts
from candidates.opensearch.searcher import POSITION, vector_field
from candidates.parallel import map_in_threads
from features.errors import InputError
from features.progress import SILENT, Reporter

ITEM_ID: Final = "item_id"
_PREVIOUS: Final = "previous"
_ALIAS: Final = "alias"
_DESCRIPTION: Final = "description"
_GRAPH: Final = {"m": 16, "ef_construction": 128}
_ITEMS_PER_REQUEST: Final = 500
_REQUESTS: Final = 2  # at once
_ATTEMPTS: Final = 8  # of a write that the server rejects because it is busy, within half a minute
# Timeouts in seconds. A write waits while the server builds the graph of what its buffer held.
_WRITE_SECONDS: Final = 600
_TYPES: Final = {bool: "boolean", int: "integer", float: "float", str: "keyword", list: "keyword"}


@dataclass(frozen=True)
class CurrentIndex:
    """The index that an alias names.

    Attributes:
        name: of the index.
        description: JSON-ready, as it was written.
        previous: the name of the index before it; None if there is none.
    """

    name: str
    description: dict[str, Any]
    previous: str | None


def write_index(
    connection: Connection,
    alias: str,
    name: str,
    item_ids: Iterable[str],
    vectors: Mapping[int, NDArray[np.float32]],
    metadata: Mapping[str, Iterable[Any]],
    types: Mapping[str, type],
    reporter: Reporter = SILENT,
    *,
    replicas: int = 0,
) -> None:
    """Create an index with the vectors and the metadata of all items; no alias names it yet.

    Args:
        connection: to the server.
        alias: that may name the index later.
        name: of the index, which must not exist.
        item_ids: of n items.
        vectors: float32 (n, dimensions), by the number of dimensions.
        metadata: n values of each field, None where it is unknown.
        types: of the values of each field.
        reporter: receives the stage and progress.
        replicas: copies of the index on other servers, made when it is complete.

    Raises:
        InputError: the server does not answer, refuses the index or an item, or holds fewer of them afterwards.
    """
    fields = {
        vector_field(dimensions): {
            "type": "knn_vector",
            "dimension": dimensions,
            # Without "lucene" OpenSearch uses a native library, which not every server has.
            "method": {"name": "hnsw", "engine": "lucene", "space_type": "innerproduct", "parameters": _GRAPH},
        }
        for dimensions in vectors
    }
    fields |= {ITEM_ID: {"type": "keyword"}, POSITION: {"type": "integer"}}
    fields |= {field: {"type": _TYPES[types[field]]} for field in metadata}
    settings = {"index": {"knn": True, "number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}}
    mappings = {"dynamic": "strict", "properties": fields, "_meta": {_ALIAS: alias}}
    body = {"settings": settings, "mappings": mappings}
    connection.call(lambda client: client.indices.create(index=name, body=body))
    reporter.stage("write items")
    count = _write_items(connection, name, item_ids, vectors, metadata, reporter)
    # Not merged into one segment: building the graph of all items again, in one thread, takes many times as long as
    # writing them (docs/adr/0024-index-engines.md).
    connection.call(lambda client: client.indices.refresh(index=name, params={"request_timeout": _WRITE_SECONDS}))
    complete = {"index": {"refresh_interval": "1s", "number_of_replicas": replicas}}
    connection.call(lambda client: client.indices.put_settings(index=name, body=complete))
    found = connection.call(lambda client: client.count(index=name))["count"]
    if found != count:
        raise InputError(
            f"OpenSearch at {connection.url} holds {found:,} of {count:,} items in the index {name}: {BUILD} again."
        )


def switch_alias(connection: Connection, alias: str, name: str, description: dict[str, Any]) -> None:
    """Describe an index, and let the alias name it instead of the index before it, in one step.

    Raises:
        InputError: the server does not answer, or refuses.
    """
    current = find_current(connection, alias)
    _describe(connection, alias, name, description, current.name if current else None)
    _point(connection, alias, name, current.name if current else None)


def roll_back(connection: Connection, alias: str) -> str:
    """Let the alias name the previous index, and return its name; the current one becomes the previous one.

    Raises:
        InputError: there is no previous index.
    """
    current = find_current(connection, alias)
    if current is None or current.previous is None:
        raise InputError(f"OpenSearch at {connection.url} has no previous index of the alias {alias}: {BUILD}.")
    previous = _read(connection, current.previous)
    _describe(connection, alias, previous.name, previous.description, current.name)
    _point(connection, alias, previous.name, current.name)
    return previous.name


def read_current(connection: Connection, alias: str) -> CurrentIndex:
    """Return the index that an alias names.

    Raises:
        InputError: there is none.
    """
    current = find_current(connection, alias)
    if current is None:
        raise InputError(f"OpenSearch at {connection.url} has no alias {alias}: {BUILD}.")
    return current


def find_current(connection: Connection, alias: str) -> CurrentIndex | None:
    """Return the index that an alias names; None if there is none."""
    found = connection.call(lambda client: client.indices.get_alias(name=alias, params={"ignore": 404}))
    if found.get("status") == 404:
        return None
    if len(found) != 1:
        raise InputError(
            f"The alias {alias} of OpenSearch at {connection.url} names {len(found)} indexes, not one: remove it."
        )
    return _read(connection, next(iter(found)))


def delete_index(connection: Connection, name: str) -> None:
    """Delete an index; one that is gone already, as after an answer that was lost, is deleted."""
    connection.call(lambda client: client.indices.delete(index=name, params={"ignore": 404}))


def clean_up(connection: Connection, alias: str) -> list[str]:
    """Delete all indexes of an alias but the current and the previous one, and return their names.

    Without an alias, indexes that were complete are kept: it may have been removed by mistake.
    """
    current = find_current(connection, alias)
    found = connection.call(lambda client: client.indices.get(index=f"{alias}-*", params={"allow_no_indices": "true"}))
    # The pattern also finds indexes of an alias whose name begins like this one.
    metas = {name: index["mappings"].get("_meta", {}) for name, index in found.items()}
    own = {name: meta for name, meta in metas.items() if meta.get(_ALIAS) == alias}
    complete = {name for name, meta in own.items() if _DESCRIPTION in meta}
    kept = {current.name, current.previous} if current else complete
    deleted = sorted(own.keys() - kept)
    for name in deleted:
        delete_index(connection, name)
    return deleted


def _write_items(
    connection: Connection,
    name: str,
    item_ids: Iterable[str],
    vectors: Mapping[int, NDArray[np.float32]],
    metadata: Mapping[str, Iterable[Any]],
    reporter: Reporter,
) -> int:
    """Write all items, and return their number."""

    def actions() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        rows = zip(item_ids, *metadata.values(), strict=True)
        for position, (item_id, *values) in enumerate(rows):
            known = {field: value for field, value in zip(metadata, values, strict=True) if value is not None}
            own = {vector_field(dimensions): each[position].tolist() for dimensions, each in vectors.items()}
            yield {"index": {"_id": item_id}}, {ITEM_ID: item_id, POSITION: position, **own, **known}

    timeout = {"request_timeout": _WRITE_SECONDS}

    def write(block: list[tuple[dict[str, Any], dict[str, Any]]]) -> int:
        lines = "".join(f"{json.dumps(line)}\n" for document in block for line in document)

        def request(client: OpenSearch) -> int:
            # Documents have ids: those that were accepted may be sent again with those that were not.
            answers = [answer["index"] for answer in client.bulk(body=lines, index=name, params=timeout)["items"]]
            check_parts(answers)
            return len(answers)

        return connection.call(request, attempts=_ATTEMPTS)

    documents, count = actions(), 0
    advance = reporter.progress("items", len(next(iter(vectors.values()))))
    blocks = iter(lambda: list(islice(documents, _ITEMS_PER_REQUEST)), [])
    # Two requests at once: the server builds a graph in the thread of each.
    for written in map_in_threads(write, blocks, _REQUESTS):
        advance(written)
        count += written
    return count


def _describe(connection: Connection, alias: str, name: str, description: dict[str, Any], previous: str | None) -> None:
    meta = {_ALIAS: alias, _DESCRIPTION: description, _PREVIOUS: previous}
    connection.call(lambda client: client.indices.put_mapping(index=name, body={"_meta": meta}))


def _point(connection: Connection, alias: str, name: str, earlier: str | None) -> None:
    actions: list[dict[str, Any]] = [{"add": {"index": name, "alias": alias}}]
    if earlier is not None and earlier != name:
        actions.insert(0, {"remove": {"index": earlier, "alias": alias}})
    connection.call(lambda client: client.indices.update_aliases(body={"actions": actions}))


def _read(connection: Connection, name: str) -> CurrentIndex:
    mapping = connection.call(lambda client: client.indices.get_mapping(index=name))
    meta = mapping[name]["mappings"].get("_meta", {})
    description, previous = meta.get(_DESCRIPTION), meta.get(_PREVIOUS)
    if not isinstance(description, dict):
        raise InputError(f"The index {name} of OpenSearch at {connection.url} is not one of this project: {BUILD}.")
    return CurrentIndex(name, description, previous)
