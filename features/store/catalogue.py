"""The catalogue: every item there is, with what is known of it at one moment."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from feast import FeatureStore
from numpy.typing import NDArray

from features.errors import InputError
from features.schema import ITEM_ID, USER_ID
from features.store.historical_features import as_of, historical_features
from features.store.registry import read_source
from features.store.served import Served
from features.store.service_schema import ServiceSchema


@dataclass(frozen=True)
class Catalogue:
    """All items at one moment.

    Attributes:
        ids: str, (items,), ascending.
        features: features of a service, in the order of `ids`.
    """

    ids: NDArray[np.str_]
    features: pa.Table

    @property
    def item_ids(self) -> pa.Array:
        """The same ids as an Arrow array, string, (items,)."""
        return self.features[ITEM_ID].combine_chunks()


def catalogue_at(store: FeatureStore, schema: ServiceSchema, moment: datetime) -> Catalogue:
    """Read the catalogue as of a moment, with the features of the service `schema`.

    Raises:
        InputError: it is empty.
    """
    ids = catalogue_ids(store, moment)
    return Catalogue(
        ids=np.array(ids.to_pylist(), np.str_),
        features=features_at(store, schema, ids, moment),
    )


def catalogue_ids(store: FeatureStore, moment: datetime) -> pa.Array:
    """Every item id in the catalogue at `moment`, ascending, string, (items,).

    Raises:
        InputError: the catalogue is empty.
    """
    return _ids(store, "item_catalog", ITEM_ID, moment)


def user_ids(store: FeatureStore, moment: datetime) -> pa.Array:
    """Every user id with a profile at `moment`, ascending, string, (users,).

    Raises:
        InputError: there are none.
    """
    return _ids(store, "user_profile", USER_ID, moment)


def features_at(store: FeatureStore, schema: Served, ids: pa.Array, moment: datetime) -> pa.Table:
    """Features of all `ids` as of one moment, in the order of `ids`, through the offline store."""
    return historical_features(store, schema, as_of(schema.entity_key, ids, moment))


def _ids(store: FeatureStore, view: str, key: str, moment: datetime) -> pa.Array:
    ids = read_source(store, view, [], known_at=moment, latest=True)[key]
    if len(ids) == 0:
        raise InputError(f"Feature view '{view}' has no rows at {moment:%Y-%m-%d}: choose a later moment.")
    return ids.combine_chunks().sort()
