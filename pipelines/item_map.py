"""A map of the item vectors in two dimensions, for people to look at."""

from datetime import datetime

import numpy as np
import pyarrow as pa
from feast import FeatureStore
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from evaluation.results import ItemMap
from features.store.reader import FeatureReader
from pipelines.item_names import item_names

_ITEMS = 2_000  # the best sellers; more would be a cloud
_NEIGHBOURS = 30


def item_map(
    store: FeatureStore, item_ids: pa.Array, vectors: NDArray[np.float32], sold: NDArray[np.int64], moment: datetime
) -> ItemMap | None:
    """Lay out the best sellers' vectors by t-SNE (van der Maaten and Hinton 2008) on cosine distances.

    Args:
        store: an applied feature store.
        item_ids: the catalogue, string (items,).
        vectors: float32 (items, dimensions).
        sold: int64 (items,), units sold before the moment.
        moment: UTC.

    Returns:
        The map, or None if too few items were sold to draw one.
    """
    best = np.sort(np.argsort(-sold, kind="stable")[:_ITEMS])
    best = best[sold[best] > 0]
    if len(best) <= 3 * _NEIGHBOURS:
        return None
    places = TSNE(metric="cosine", perplexity=_NEIGHBOURS, init="random", random_state=0).fit_transform(vectors[best])
    ids = item_ids.take(pa.array(best))
    reader = FeatureReader(store, "offline")
    groups = reader.read("item_tower_v1", ids, moment)["index_group_name"]
    return {
        "x": places[:, 0].astype(float).tolist(),
        "y": places[:, 1].astype(float).tolist(),
        "department": [group or "" for group in groups.to_pylist()],
        "name": item_names(reader, ids, moment),
        "sales": sold[best].tolist(),
    }
