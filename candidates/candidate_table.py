"""Candidates: ranked lists as a table, each row with the sources that proposed it."""

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from features.schema import (
    ITEM_ID,
    RANK,
    RANKING_SCORE,
    RETRIEVAL_RANK,
    SCORE,
    SOURCE_RANKS,
    SOURCE_SCORES,
    SOURCES,
    USER_ID,
)

CANDIDATES: Final = pa.schema(
    [
        pa.field(USER_ID, pa.string(), nullable=False),
        pa.field(ITEM_ID, pa.string(), nullable=False),
        pa.field(RANK, pa.int32(), nullable=False),
        pa.field(RANKING_SCORE, pa.float32()),
        pa.field(RETRIEVAL_RANK, pa.int32(), nullable=False),
        pa.field(SCORE, pa.float32(), nullable=False),
        pa.field(SOURCES, pa.list_(pa.string()), nullable=False),
        pa.field(SOURCE_RANKS, pa.list_(pa.int32()), nullable=False),
        pa.field(SOURCE_SCORES, pa.list_(pa.float32()), nullable=False),
    ]
)


def candidates(
    user_ids: NDArray[np.str_],
    blended: BlendedLists,
    item_ids: NDArray[np.str_],
    places: NDArray[np.int32],
    ranking_scores: NDArray[np.float32],
) -> pa.Table:
    """Write fused lists as one row per user and item, dropping the padding.

    Args:
        user_ids: (n,) str, unique.
        blended: n lists, padding at the end of a row only.
        item_ids: (items,) str, the ids of the index.
        places: (n, k) int32, the rank that retrieval gave to each candidate, from 1.
        ranking_scores: (n, k) float32, what a ranker said of it; NaN, and null in the table, without a ranker.

    Returns:
        A table with the schema `CANDIDATES`: users in the order given, rank from 1; the sources that list the
        candidate, and in the same order its ranks on their lists and their scores. A user whose list is all padding
        has no rows. Arrow's strings hold 2 GiB a column: hand over a few million rows at a time.

    Raises:
        ValueError: The shapes do not fit together, a user comes twice, a position is not in the index, or padding
            stands before an item.
    """
    n, positions = len(user_ids), blended.positions
    if len(positions) != n:
        raise ValueError(f"{n} user ids need {n} lists, not {len(positions)}.")
    if len(np.unique(user_ids)) != n:
        raise ValueError("User ids must be unique: a user has one list.")
    kept = positions >= 0
    if positions.max(initial=-1) >= len(item_ids) or (kept[:, 1:] & ~kept[:, :-1]).any():
        raise ValueError(f"Positions must be below {len(item_ids)}, and padding only at the end of a list.")
    rows, ranks = np.nonzero(kept)
    said = blended.ranks[rows, ranks]
    listed = said > 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(listed.sum(axis=1))]).astype(np.int32))
    names = pa.array(blended.sources, pa.string()).take(pa.array(np.nonzero(listed)[1]))
    columns = [
        pa.array(user_ids, pa.string()).take(pa.array(rows)),
        pa.array(item_ids, pa.string()).take(pa.array(positions[kept])),
        pa.array((ranks + 1).astype(np.int32)),
        pa.array(ranking_scores[kept], from_pandas=True),
        pa.array(places[kept]),
        pa.array(blended.scores[kept]),
        pa.ListArray.from_arrays(offsets, names),
        pa.ListArray.from_arrays(offsets, pa.array(said[listed])),
        pa.ListArray.from_arrays(offsets, pa.array(blended.source_scores[rows, ranks][listed])),
    ]
    return pa.table(columns, schema=CANDIDATES)
