"""Served values beside offline values: a sample that finds online rows which are no longer those of the tables."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import pyarrow as pa
from feast import FeatureStore

from features.store.catalogue import user_ids
from features.store.catalogue_snapshot import CatalogueSnapshot
from features.store.reader import FeatureReader
from features.store.registry import views_of_service
from features.store.request_services import CANDIDATE_ITEMS, CANDIDATE_REQUEST

SAMPLE: Final = 1_000


def count_inconsistent(store: FeatureStore, moment: datetime) -> dict[str, int]:
    """Compare the online features of candidate requests, for up to `SAMPLE` users and `SAMPLE` items.

    Users are compared with the offline store. Items are compared with the catalogue snapshot, which requests read, if
    their views are declared online.

    Args:
        store: an applied feature store, filled up to `moment`.
        moment: UTC.

    Returns:
        How many of the sampled users or items have different values, by feature; features without differences are left
        out.

    Raises:
        InputError: the catalogue snapshot cannot be read.
    """
    counts: Counter[str] = Counter()
    for online, expected in _samples(store, moment):
        for name in online.column_names:
            if online[name].equals(expected[name]):
                continue
            pairs = zip(online[name].to_pylist(), expected[name].to_pylist(), strict=True)
            counts[name] += sum(one != other for one, other in pairs)
    return {name: count for name, count in counts.items() if count}


def _samples(store: FeatureStore, moment: datetime) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Online features, and the same from the offline store or the snapshot."""
    online, offline = (FeatureReader(store, source) for source in ("online", "offline"))
    users = _sample(user_ids(store, moment))
    yield online.read(CANDIDATE_REQUEST, users, moment), offline.read(CANDIDATE_REQUEST, users, moment)
    if all(view.online for view in views_of_service(store, CANDIDATE_ITEMS)):
        snapshot = CatalogueSnapshot.open(store, online.generation.record)
        items = _sample(snapshot.item_ids)
        yield online.read(CANDIDATE_ITEMS, items, moment), snapshot.read(CANDIDATE_ITEMS, items)


def _sample(ids: pa.Array) -> pa.Array:
    return ids.take(pa.array(range(0, len(ids), -(-len(ids) // SAMPLE))))
