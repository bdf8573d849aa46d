"""Retrieved lists as answers: online and offline features must lead to the same candidates."""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.schema import ITEM_ID, RANK, USER_ID
from leakage.differences import Answer
from models.serving import SavedTower
from retrieval.item_index import ItemIndex

_ROWS_PER_CALL: Final = 8_192


def list_answer(
    query_tower: SavedTower, item_tower: SavedTower, users: pa.Table, items: pa.Table, *, k: int, release: str
) -> Answer:
    """The k best items of each user, by exact search over all items.

    Args:
        query_tower: of a release.
        item_tower: of the same.
        users: `user_id` and the features of the query tower.
        items: `item_id`, ascending, and the features of the item tower.
        k: the length of the lists.
        release: its name.

    Returns:
        Rows of `user_id`, `rank` from 1 and `item_id`, in the order of users and ranks.
    """
    index = ItemIndex(np.array(items[ITEM_ID].to_pylist(), np.str_), _vectors(item_tower, items))
    positions, _ = index.search(_vectors(query_tower, users), k)
    width = positions.shape[1]
    rows = {
        USER_ID: users[USER_ID].take(pa.array(np.repeat(np.arange(len(positions)), width))),
        RANK: pa.array(np.tile(np.arange(1, width + 1), len(positions))),
        ITEM_ID: pa.array(index.item_ids[positions.reshape(-1)], pa.string()),
    }
    question = f"the {width} best items of each user"
    return Answer(question, pa.table(rows), (USER_ID, RANK), dict.fromkeys(rows, f"lists of {release}"))


def _vectors(tower: SavedTower, rows: pa.Table) -> NDArray[np.float32]:
    return np.concatenate(
        [tower.vectors(rows.slice(start, _ROWS_PER_CALL)) for start in range(0, rows.num_rows, _ROWS_PER_CALL)]
    )
