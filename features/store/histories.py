"""What users had bought as of one moment, for the sources of candidates."""

from datetime import datetime

import pyarrow as pa
from feast import FeatureStore

from features.schema import USER_ID
from features.store.catalogue import features_at
from features.store.online_features import CANDIDATE_SOURCES
from features.store.registry import service_schema


def purchase_histories_at(store: FeatureStore, user_ids: pa.Array, moment: datetime) -> pa.Table:
    """Read as of a moment what `features.store.online_features.purchase_histories` reads of a store filled up to it.

    Args:
        store: an applied feature store.
        user_ids: string (users,).
        moment: UTC.

    Returns:
        `bought_items` list<string>, `bought_counts` and `bought_days` list<float32>, (users,), in the order of
        `user_ids`; all three are null for a user without purchases.
    """
    schema = service_schema(store, CANDIDATE_SOURCES, USER_ID)
    histories = features_at(store, schema, user_ids, moment)
    return histories.select([column.name for column in schema.columns])
