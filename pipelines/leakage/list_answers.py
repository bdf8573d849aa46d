"""Retrieved lists as answers: online and offline features must lead to the same candidates."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.index import ItemIndex
from evaluation.diagnostics import NEW_ITEM_QUERY_VECTORS, QUERY_VECTORS
from features.schema import ITEM_ID, RANK, USER_ID
from models.release.saved_models import SavedTower
from pipelines.leakage.differences import Answer


def list_answers(
    query_tower: SavedTower, item_tower: SavedTower, users: pa.Table, items: pa.Table, *, k: int, release: str
) -> list[Answer]:
    """The k best items of each user by both query vectors, by exact search over all items.

    Args:
        query_tower: of a release.
        item_tower: of the same.
        users: `user_id` and the features of the query tower.
        items: `item_id`, ascending, and the features of the item tower.
        k: the length of the lists.
        release: its name.

    Returns:
        For each query vector rows of `user_id`, `rank` from 1 and `item_id`, in the order of users and ranks.
    """
    index = ItemIndex(np.array(items[ITEM_ID].to_pylist(), np.str_), item_tower.vectors(items))
    return [
        _answer(index, queries, users[USER_ID], k, what, release)
        for what, queries in zip((QUERY_VECTORS, NEW_ITEM_QUERY_VECTORS), query_tower.query_vectors(users), strict=True)
    ]


def _answer(
    index: ItemIndex, queries: NDArray[np.float32], users: pa.ChunkedArray, k: int, what: str, release: str
) -> Answer:
    positions, _ = index.search(queries, k)
    width = positions.shape[1]
    rows = {
        USER_ID: users.take(pa.array(np.repeat(np.arange(len(positions)), width))),
        RANK: pa.array(np.tile(np.arange(1, width + 1), len(positions))),
        ITEM_ID: pa.array(index.item_ids[positions.reshape(-1)], pa.string()),
    }
    question = f"the {width} best items of each user by {what}"
    return Answer(question, pa.table(rows), (USER_ID, RANK), dict.fromkeys(rows, f"lists of {release}"))
