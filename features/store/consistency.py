"""Online values beside offline values: a sample that finds online rows which are no longer those of the tables."""

from collections import Counter
from datetime import datetime
from typing import Final

import pyarrow as pa
from feast import FeatureStore

from features.schema import ITEM_ID, USER_ID
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS, CANDIDATE_REQUEST
from features.store.source_tables import read_source

SAMPLE: Final = 1_000
_SERVICES: Final = ((CANDIDATE_REQUEST, "user_profile", USER_ID), (CANDIDATE_ITEMS, "item_catalog", ITEM_ID))


def count_inconsistent(store: FeatureStore, moment: datetime) -> dict[str, int]:
    """Compare the features of candidate requests in both stores, for up to `SAMPLE` users and `SAMPLE` items.

    Args:
        store: an applied feature store, filled up to `moment`.
        moment: UTC.

    Returns:
        How many of the sampled users or items have different values, by feature; features without differences are left
        out.
    """
    counts: Counter[str] = Counter()
    for service, view, key in _SERVICES:
        ids = read_source(store, view, [], known_at=moment, latest=True)[key].combine_chunks().sort()
        sample = ids.take(pa.array(range(0, len(ids), -(-len(ids) // SAMPLE) or 1)))
        online = FeatureReader(store, "online").read(service, sample, moment)
        offline = FeatureReader(store, "offline").read(service, sample, moment)
        for name in online.column_names:
            pairs = zip(online[name].to_pylist(), offline[name].to_pylist(), strict=True)
            counts[name] += sum(one != other for one, other in pairs)
    return {name: count for name, count in counts.items() if count}
