"""The validation set: features of users and catalogue as of the cut. Its labels are `Purchases.read_after_cut`."""

from dataclasses import dataclass

import pyarrow as pa
from feast import FeatureStore

from features.errors import InputError
from features.schema import ITEM_ID, USER_ID
from features.store.reader import FeatureReader
from features.store.service_schema import TowerSchemas
from features.training_data.purchases import Purchases


@dataclass(frozen=True)
class ValidationSet:
    """The inputs of both towers at the cut.

    Attributes:
        queries: `user_id` and features of the returning users, who have purchases before and after the cut, (users,),
            ascending by id.
        catalogue: `item_id` and features of all items, (items,), ascending by id.
    """

    queries: pa.Table
    catalogue: pa.Table

    @property
    def user_ids(self) -> pa.Array:
        """The users, string, (users,)."""
        return self.queries[USER_ID].combine_chunks()

    @property
    def item_ids(self) -> pa.Array:
        """The catalogue, string, (items,)."""
        return self.catalogue[ITEM_ID].combine_chunks()


def read_validation_set(
    store: FeatureStore, schemas: TowerSchemas, purchases: Purchases, catalogue_ids: pa.Array
) -> ValidationSet:
    """Read the features of the returning users and of the whole catalogue as of the cut.

    Raises:
        InputError: there are no purchases after the cut, or none of returning users.
    """
    if not purchases.validation_rows:
        raise purchases.empty_part_error("validation")
    users, cut = purchases.read_returning_users(), purchases.split.cut
    if len(users) == 0:
        raise InputError(
            f"No user with purchases from {cut:%Y-%m-%d} on has purchases before: choose another --as-of or "
            "--validation-days."
        )
    reader = FeatureReader(store, "offline")
    return ValidationSet(
        queries=reader.read(schemas.query.service, users, cut),
        catalogue=reader.read(schemas.item.service, catalogue_ids, cut),
    )
