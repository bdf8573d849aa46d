"""The validation set: features of users and catalogue as of the start of a window."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from feast import FeatureStore

from features.store.reader import FeatureReader
from features.store.service_schema import TowerSchemas


@dataclass(frozen=True)
class ValidationSet:
    """The inputs of both towers at one moment.

    Attributes:
        queries: `user_id` and features of the users, (users,), in the order of their ids.
        catalogue: `item_id` and features of all items, (items,), ascending by id.
    """

    queries: pa.Table
    catalogue: pa.Table


def read_validation_set(
    store: FeatureStore, schemas: TowerSchemas, user_ids: pa.Array, item_ids: pa.Array, moment: datetime
) -> ValidationSet:
    """Read the features of users and of the catalogue as of a moment, UTC."""
    reader = FeatureReader(store, "offline")
    return ValidationSet(
        queries=reader.read(schemas.query.service, user_ids, moment),
        catalogue=reader.read(schemas.item.service, item_ids, moment),
    )
