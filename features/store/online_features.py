"""Features as a request sees them, through Feast's online store."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
from feast import FeatureStore

from features.schema import BOUGHT_ITEMS, ITEM_ID, PROD_NAME, REQUEST_TIMESTAMP, USER_ID
from features.store.registry import feature_service, service_schema
from features.store.served import Served

# Larger reads are slower per id in SQLite.
IDS_PER_READ = 1_000

CANDIDATE_SOURCES = "candidate_sources_v1"
ITEM_CARD = "item_card_v1"


def online_features(store: FeatureStore, schema: Served, ids: list[str], moment: datetime) -> pa.Table:
    """Read the features of a service for `ids` as a request at `moment` sees them.

    Returns:
        The entity key and the service's features in the schema's order and Arrow types, one row per id, in order.
        A feature without a stored value is null.
    """
    rows: dict[str, list[Any]] = {schema.entity_key: ids, REQUEST_TIMESTAMP: [moment] * len(ids)}
    return pa.table({schema.entity_key: pa.array(ids, pa.string()), **_columns(store, schema, rows)})


def online_rows(store: FeatureStore, schema: Served, ids: list[str], moment: datetime) -> pa.Table:
    """Read what `online_features` reads, for any number of `ids`, none among them, a part at a time."""
    # Feast takes an empty read for one without keys.
    columns = [(schema.entity_key, pa.string()), *((column.name, column.arrow_type) for column in schema.columns)]
    return pa.concat_tables(
        [pa.schema(columns).empty_table(), *(online_features(store, schema, part, moment) for part in reads(ids))]
    )


def _columns(store: FeatureStore, schema: Served, rows: dict[str, list[Any]]) -> dict[str, pa.Array]:
    response = _read(store, schema.service, rows)
    return {column.name: _array(response[column.name], column.arrow_type) for column in schema.columns}


def _read(store: FeatureStore, service: str, rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    response: dict[str, list[Any]] = store.get_online_features(
        features=feature_service(store, service), entity_rows=rows
    ).to_dict()
    return response


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Numbers lose the digits that float32 does not hold, as they do offline."""
    exact = {pa.float32(): pa.float64(), pa.list_(pa.float32()): pa.list_(pa.float64())}.get(kind, kind)
    return pa.array(values, exact).cast(kind, safe=False)


def bought_items(store: FeatureStore, ids: list[str]) -> pa.ListArray:
    """Read the items each user has bought, newest first, list<string> (ids,); null for a user without purchases."""
    return pa.array(_read(store, CANDIDATE_SOURCES, {USER_ID: ids})[BOUGHT_ITEMS], pa.list_(pa.string()))


def purchase_histories(store: FeatureStore, ids: list[str]) -> pa.Table:
    """Read what each user has bought, how often and how long ago.

    Returns:
        `bought_items` list<string>, newest first, and beside it `bought_counts` (purchases) and `bought_days` (days
        from the item's last purchase to the user's own last one), list<float32>; one row per id, in order. All three
        are null for a user without purchases.
    """
    return pa.table(_columns(store, service_schema(store, CANDIDATE_SOURCES, USER_ID), {USER_ID: ids}))


def item_names(store: FeatureStore, ids: list[str]) -> list[str]:
    """Read the names of items for people to read; the id where there is none."""
    if not ids:  # Feast takes an empty read for one without keys
        return []
    names = _read(store, ITEM_CARD, {ITEM_ID: ids})[PROD_NAME]
    return [name or item for item, name in zip(ids, names, strict=True)]


def reads(ids: list[str]) -> Iterator[list[str]]:
    """Part ids into reads of a size that the online store answers well."""
    for start in range(0, len(ids), IDS_PER_READ):
        yield ids[start : start + IDS_PER_READ]
