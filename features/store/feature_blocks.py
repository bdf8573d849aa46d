"""Features of many ids in blocks, of which the next one is read while one is used."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeAlias, TypeVar

import pyarrow as pa

from features.store.historical_features import as_of, stream_historical_features
from features.store.reader import IDS_PER_READ, FeatureReader, id_blocks
from features.store.registry import service_columns

FeatureBlock: TypeAlias = tuple[list[str], pa.Table]
"""Ids, (n,), and what `FeatureReader` reads of them, (n,)."""

T = TypeVar("T")


def feature_blocks(reader: FeatureReader, service: str, ids: Sequence[str], moment: datetime) -> Iterator[FeatureBlock]:
    """Read the features of all `ids`, in their order, in blocks of at most `IDS_PER_READ`.

    Online each block is one read. Offline all ids are one point-in-time join: it reads the feature tables once, so that
    its cost hardly depends on the number of ids. A thread reads ahead; it is not used by two reads at a time.

    Args:
        reader: of either store.
        service: name of a feature service that describes one entity.
        ids: of users or items.
        moment: of the request, UTC.

    Raises:
        InputError: see `FeatureReader.read`.
    """
    blocks = _online_blocks if reader.source == "online" else _offline_blocks
    return _read_ahead(blocks(reader, service, list(ids), moment))


def _online_blocks(reader: FeatureReader, service: str, ids: list[str], moment: datetime) -> Iterator[FeatureBlock]:
    for block in id_blocks(ids):
        yield block, reader.read(service, block, moment)


def _offline_blocks(reader: FeatureReader, service: str, ids: list[str], moment: datetime) -> Iterator[FeatureBlock]:
    schema = service_columns(reader.store, service).arrow_schema
    entities = as_of(schema.names[0], pa.array(ids, pa.string()), moment)
    for batch in stream_historical_features(reader.store, service, entities):
        rows = pa.Table.from_batches([batch]).select(schema.names)
        for start in range(0, rows.num_rows, IDS_PER_READ):
            block = rows.slice(start, IDS_PER_READ)
            yield block[schema.names[0]].to_pylist(), block


def _read_ahead(items: Iterator[T]) -> Iterator[T]:
    with ThreadPoolExecutor(1) as executor:
        ahead = executor.submit(next, items, None)
        while (item := ahead.result()) is not None:
            ahead = executor.submit(next, items, None)
            yield item
