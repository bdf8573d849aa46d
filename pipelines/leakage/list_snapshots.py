"""Ranked lists as snapshots: bestsellers as of a moment, and the lists that two towers retrieve."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.index import ItemIndex
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.popularity import PopularityList
from evaluation.baselines import last_week_popularity
from evaluation.diagnostics import NEW_ITEM_QUERY_VECTORS, QUERY_VECTORS
from features.schema import EVENT_TIMESTAMP, ITEM_ID, RANK, USER_CODE, USER_ID
from models.towers import Towers
from pipelines.leakage.comparison import Snapshot

_BESTSELLER: Final = "bestseller"
_UNITS: Final = "units sold of the bestseller"


def bestseller_snapshot(name: str, view: str, item_ids: pa.Array, counts: NDArray[np.number[Any]]) -> Snapshot:
    """Return all items by units sold, best first; equal counts by id.

    Args:
        name: of the snapshot.
        view: the feature view of the counts.
        item_ids: string (items,), ascending.
        counts: units sold, (items,).
    """
    ranked = PopularityList.from_counts(counts)
    rows = {
        RANK: pa.array(np.arange(1, len(ranked) + 1)),
        _BESTSELLER: item_ids.take(pa.array(ranked.ranking)),
        _UNITS: pa.array(ranked.scores),
    }
    return Snapshot(name, pa.table(rows), (RANK,), dict.fromkeys(rows, view))


def last_week_counts(purchases: Iterable[pa.RecordBatch], item_ids: pa.Array, cut: np.datetime64) -> NDArray[np.int64]:
    """Count the units sold in the week before a cut as the baseline of the validation window does, int64 (items,).

    Args:
        purchases: `user_code`, `item_id` and `event_timestamp`, also of later moments; items that are not in the
            catalogue are skipped.
        item_ids: string (items,), ascending.
        cut: UTC.
    """
    parts = [_purchase_codes(batch, item_ids) for batch in purchases]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return last_week_popularity(PurchaseCodes(*columns), cut, len(item_ids))


def _purchase_codes(
    batch: pa.RecordBatch, item_ids: pa.Array
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.datetime64]]:
    positions = pc.index_in(batch[ITEM_ID], item_ids)
    in_catalogue = np.asarray(positions.is_valid())
    return (
        batch[USER_CODE].to_numpy()[in_catalogue],
        positions.fill_null(0).to_numpy()[in_catalogue],
        batch[EVENT_TIMESTAMP].to_numpy(zero_copy_only=False)[in_catalogue].astype("datetime64[us]"),
    )


def retrieved_list_snapshots(
    towers: Towers, users: pa.Table, items: pa.Table, *, k: int, release: str
) -> list[Snapshot]:
    """Return the top k items of each user by exact search over all items, for both query vectors.

    Args:
        towers: of a release.
        users: `user_id` and the features of the query tower.
        items: `item_id`, ascending, and the features of the item tower.
        k: length of the lists.
        release: its version.

    Returns:
        For each query vector rows of `user_id`, `rank` from 1 and `item_id`, in the order of users and ranks.
    """
    index = ItemIndex(items[ITEM_ID].combine_chunks(), towers.item_vectors(items))
    return [
        _retrieved_lists(index, queries, users[USER_ID], k, query, release)
        for query, queries in zip((QUERY_VECTORS, NEW_ITEM_QUERY_VECTORS), towers.query_vectors(users), strict=True)
    ]


def _retrieved_lists(
    index: ItemIndex, queries: NDArray[np.float32], users: pa.ChunkedArray, k: int, vectors: str, release: str
) -> Snapshot:
    positions, _ = index.search(queries, k)
    width = positions.shape[1]
    rows = {
        USER_ID: users.take(pa.array(np.repeat(np.arange(len(positions)), width))),
        RANK: pa.array(np.tile(np.arange(1, width + 1), len(positions))),
        ITEM_ID: index.item_ids.take(pa.array(positions.reshape(-1))),
    }
    name = f"top {width} items of each user by {vectors}"
    return Snapshot(name, pa.table(rows), (USER_ID, RANK), dict.fromkeys(rows, f"lists of {release}"))
