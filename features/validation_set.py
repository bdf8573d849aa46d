"""The validation week as a question: users and catalogue as of the cut. Its answer is `Purchases.validation`."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore

from features.catalogue import features_at
from features.errors import InputError
from features.purchases import Purchases
from features.schema import USER_ID
from features.service_schema import TowerSchemas
from features.time_split import TimeSplit


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


def validation_set(
    store: FeatureStore, schemas: TowerSchemas, purchases: Purchases, catalogue_ids: pa.Array, split: TimeSplit
) -> ValidationSet:
    """Ask for the features of the query users and of the whole catalogue as of `split.cut`.

    Raises:
        InputError: nobody who bought in the validation days had bought before.
    """
    buyers = pc.unique(purchases.validation[USER_ID])
    users = buyers.filter(pc.is_in(buyers, pc.unique(purchases.before[USER_ID]))).sort()
    if len(users) == 0:
        raise InputError(f"Nobody who bought from {split.cut:%Y-%m-%d} on had bought before: choose another --as-of.")
    return ValidationSet(
        queries=features_at(store, schemas.query, users, split.cut),
        catalogue=features_at(store, schemas.item, catalogue_ids, split.cut),
    )
