"""The validation week as a question: users and catalogue as of the cut. Its answer is `Purchases.after_cut`."""

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
    """What is asked, and of what.

    Attributes:
        queries: features of the users as of the cut, (users,), ascending by id: those who had bought before the cut
            and buy in the validation days.
        catalogue: features of all items as of the cut, (items,), ascending by id.
    """

    queries: pa.Table
    catalogue: pa.Table

    @property
    def user_ids(self) -> pa.Array:
        """The users that are asked, string, (users,)."""
        return self.queries[USER_ID].combine_chunks()

    @property
    def item_ids(self) -> pa.Array:
        """The catalogue, string, (items,)."""
        return self.catalogue[ITEM_ID].combine_chunks()


def validation_set(
    store: FeatureStore, schemas: TowerSchemas, purchases: Purchases, catalogue_ids: pa.Array
) -> ValidationSet:
    """Ask for the features of the query users and of the whole catalogue as of the cut.

    Raises:
        InputError: nobody bought in the validation days, or nobody who did had bought before.
    """
    if not purchases.validation:
        raise purchases.nothing_left("validation")
    users, cut = purchases.returning_users(), purchases.split.cut
    if len(users) == 0:
        raise InputError(f"Nobody who bought from {cut:%Y-%m-%d} on had bought before: choose another --as-of.")
    reader = FeatureReader(store, "offline")
    return ValidationSet(
        queries=reader.read(schemas.query.service, users, cut),
        catalogue=reader.read(schemas.item.service, catalogue_ids, cut),
    )
