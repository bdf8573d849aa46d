"""Candidates: ranked lists as a table, each row with the source that it came from."""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.schema import ITEM_ID, RANK, SCORE, SOURCE, USER_ID
from retrieval.item_lists import Ranked

TWO_TOWER: Final = "two_tower"
POPULARITY: Final = "popularity"

CANDIDATES: Final = pa.schema(
    [
        pa.field(USER_ID, pa.string(), nullable=False),
        pa.field(ITEM_ID, pa.string(), nullable=False),
        pa.field(RANK, pa.int32(), nullable=False),
        pa.field(SCORE, pa.float32(), nullable=False),
        pa.field(SOURCE, pa.string(), nullable=False),
    ]
)


def candidates(
    user_ids: NDArray[np.str_],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    item_ids: NDArray[np.str_],
    sources: NDArray[np.str_],
) -> pa.Table:
    """Write ranked lists as one row per user and item, dropping the padding.

    Args:
        user_ids: (n,) str, unique.
        positions: (n, width) int32 positions in `item_ids`, best first; -1 is padding, at the end of a row only.
        scores: (n, width) float32, comparable within a source only.
        item_ids: (items,) str, the ids of the index.
        sources: (n,) str, the source of each user's list.

    Returns:
        A table with the schema `CANDIDATES`: users in the order given, rank from 1. A user whose list is all
        padding has no rows. Arrow's strings hold 2 GiB a column: hand over a few million rows at a time.

    Raises:
        ValueError: The shapes do not fit together, a user comes twice, a position is not in the index, or padding
            stands before an item.
    """
    n = len(user_ids)
    if positions.shape != scores.shape or positions.ndim != 2 or {len(positions), len(sources)} != {n}:
        raise ValueError(
            f"{n} user ids need {n} sources and positions and scores of shape ({n}, width), not {len(sources)}, "
            f"{positions.shape} and {scores.shape}."
        )
    if len(np.unique(user_ids)) != n:
        raise ValueError("User ids must be unique: a user has one list.")
    kept = positions >= 0
    if positions.max(initial=-1) >= len(item_ids) or (kept[:, 1:] & ~kept[:, :-1]).any():
        raise ValueError(f"Positions must be below {len(item_ids)}, and padding only at the end of a list.")
    rows, ranks = np.nonzero(kept)
    columns = [
        pa.array(user_ids, pa.string()).take(pa.array(rows)),
        pa.array(item_ids, pa.string()).take(pa.array(positions[kept])),
        pa.array((ranks + 1).astype(np.int32)),
        pa.array(scores[kept]),
        pa.array(sources, pa.string()).take(pa.array(rows)),
    ]
    return pa.table(columns, schema=CANDIDATES)


def choose_by_history(
    has_history: NDArray[np.bool_], two_tower: Ranked, popularity: Ranked
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.str_]]:
    """Give users with history their two-tower list and the others their popularity list.

    Args:
        has_history: (n,) bool, in the order of the users.
        two_tower: Positions and scores (users with history, width), in the same order.
        popularity: Positions and scores (users without history, width), in the same order.

    Returns:
        Positions (n, width) int32, scores (n, width) float32 and sources (n,) str in the order of `has_history`.

    Raises:
        ValueError: A source does not hold one list for each of its users, or the widths differ.
    """
    known = int(has_history.sum())
    unknown = len(has_history) - known
    if len(two_tower[0]) != known or len(popularity[0]) != unknown:
        raise ValueError(
            f"{known} users with history and {unknown} without need as many lists, not {len(two_tower[0])} from the "
            f"two towers and {len(popularity[0])} by popularity."
        )
    if two_tower[0].shape[1] != popularity[0].shape[1]:
        raise ValueError(
            f"Both sources must give lists of one width, not {two_tower[0].shape[1]} and {popularity[0].shape[1]}."
        )
    positions = np.empty((len(has_history), two_tower[0].shape[1]), np.int32)
    scores = np.empty(positions.shape, np.float32)
    for users, (source_positions, source_scores) in ((has_history, two_tower), (~has_history, popularity)):
        positions[users] = source_positions
        scores[users] = source_scores
    return positions, scores, np.where(has_history, TWO_TOWER, POPULARITY)
