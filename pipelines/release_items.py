"""The items of a release: the catalogue as of its moment, embedded, with the data of the candidate sources."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
import pyarrow as pa
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.ranking.user_neighbours import UserNeighbours
from features.moments import datetime64
from features.store.catalogue import catalogue_ids
from features.store.reader import FeatureReader
from features.training_data.purchases import Purchases
from models.towers import Towers
from pipelines.build_sources import build_sources, read_items, read_purchase_codes, release_arrays


@dataclass(frozen=True, eq=False)
class ReleaseItems:
    """What a release holds of the items and of the purchases of them, which are counted, not trained on.

    Attributes:
        item_ids: string (items,), ascending.
        item_vectors: float32 (items, dimensions).
        arrays: other data of the items, (items, …) each, by the names in `models.release.release.ARRAYS`.
        neighbours: the users to whom users are compared by the rankers.
    """

    item_ids: pa.StringArray
    item_vectors: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]
    neighbours: UserNeighbours

    @classmethod
    def build(cls, store: FeatureStore, towers: Towers, purchases: Purchases, moment: datetime) -> Self:
        """Embed the catalogue as of a moment, and build the sources from everything before it.

        Args:
            store: an applied feature store.
            towers: the towers of the release.
            purchases: those known at the moment.
            moment: UTC.
        """
        item_ids = catalogue_ids(store, moment)
        past = read_purchase_codes(purchases, item_ids, moment)
        features = FeatureReader(store, "offline").read(towers.item.schema.service, item_ids, moment)
        vectors = towers.item_vectors(features)
        sources, sales = build_sources(read_items(store, item_ids, moment), past, item_ids, vectors, moment)
        neighbours = UserNeighbours.fit(past, datetime64(moment), len(item_ids))
        return cls(item_ids, vectors, release_arrays(sources, sales), neighbours)
