"""The candidate file: ranked lists as a Parquet table, with a JSON file that describes how it was made."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from features.errors import InputError
from features.files import atomic_write
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


def candidates_to_table(
    user_ids: NDArray[np.str_],
    blended: BlendedLists,
    item_ids: NDArray[np.str_],
    retrieval_ranks: NDArray[np.int32],
    ranking_scores: NDArray[np.float32],
) -> pa.Table:
    """Convert ranked lists to a table with one row per user and item, without the padding.

    Args:
        user_ids: str (n,), unique.
        blended: n lists in their final order, padding at the end of a row only.
        item_ids: str (items,), the ids of the index.
        retrieval_ranks: int32 (n, k), the rank of each candidate before ranking, from 1.
        ranking_scores: float32 (n, k), the score of the ranker; NaN, and null in the table, without a ranker.

    Returns:
        A table with the schema `CANDIDATES`: users in the order given, rank from 1; the sources that list the
        candidate, with its ranks and scores in the same order. A user whose list is all padding has no rows. A string
        column of Arrow holds at most 2 GiB: convert a few million rows at a time.

    Raises:
        ValueError: the shapes do not match, a user is repeated, a position is not in the index, or padding precedes
            an item.
    """
    n, positions = len(user_ids), blended.positions
    if len(positions) != n:
        raise ValueError(f"{n} user ids need {n} lists, not {len(positions)}.")
    if len(np.unique(user_ids)) != n:
        raise ValueError("User ids must be unique: a user has one list.")
    listed = positions >= 0
    if positions.max(initial=-1) >= len(item_ids) or (listed[:, 1:] & ~listed[:, :-1]).any():
        raise ValueError(f"Positions must be below {len(item_ids)}, and padding only at the end of a list.")
    rows, columns = np.nonzero(listed)
    source_ranks = blended.ranks[rows, columns]
    has_source = source_ranks > 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(has_source.sum(axis=1))]).astype(np.int32))
    names = pa.array(blended.sources, pa.string()).take(pa.array(np.nonzero(has_source)[1]))
    table_columns = [
        pa.array(user_ids, pa.string()).take(pa.array(rows)),
        pa.array(item_ids, pa.string()).take(pa.array(positions[listed])),
        pa.array((columns + 1).astype(np.int32)),
        pa.array(ranking_scores[listed], from_pandas=True),
        pa.array(retrieval_ranks[listed]),
        pa.array(blended.scores[listed]),
        pa.ListArray.from_arrays(offsets, names),
        pa.ListArray.from_arrays(offsets, pa.array(source_ranks[has_source])),
        pa.ListArray.from_arrays(offsets, pa.array(blended.source_scores[rows, columns][has_source])),
    ]
    return pa.table(table_columns, schema=CANDIDATES)


class CandidateFile:
    """A candidate file that is written in batches of users.

    Attributes:
        users: the number of users with candidates.
        sources: the number of candidates that each source lists; several sources may list one candidate.
        rows: the number of candidates.
    """

    def __init__(self, writer: pq.ParquetWriter, description: Path) -> None:
        self._writer = writer
        self._description = description
        self.users = 0
        self.sources: Counter[str] = Counter()
        self.rows = 0

    @classmethod
    @contextlib.contextmanager
    def create(cls, path: Path) -> Iterator[Self]:
        """Open `path` and its JSON file for writing; both are replaced once the block succeeds, or neither.

        Raises:
            InputError: the path does not end in .parquet.
        """
        require_parquet(path)
        with atomic_write(path) as rows, atomic_write(path.with_suffix(".json")) as description:
            with pq.ParquetWriter(rows, CANDIDATES, compression="zstd") as writer:
                file = cls(writer, description)
                yield file
            if not description.exists():
                raise ValueError("A candidate file needs its description: call `describe` before the block ends.")

    def append(self, candidates: pa.Table) -> None:
        """Append the candidates of users that are not in the file yet; schema `CANDIDATES`."""
        self._writer.write_table(candidates)
        self.users += pc.count_distinct(candidates[USER_ID]).as_py()
        for count in pc.value_counts(pc.list_flatten(candidates[SOURCES])).to_pylist():
            self.sources[count["values"]] += count["counts"]
        self.rows += candidates.num_rows

    def describe(self, **details: Any) -> None:
        """Write the JSON file: the counts and the given JSON-ready details."""
        content = {"users": self.users, "rows": self.rows, "rows_by_source": dict(self.sources), **details}
        self._description.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def require_parquet(path: Path) -> None:
    """Raise InputError unless the path ends in .parquet."""
    if path.suffix != ".parquet":
        raise InputError(f"{path} does not end in .parquet: candidates are written as Parquet.")


def read_users(path: Path, users: int, top: int) -> dict[str, pa.Table]:
    """Read the first `top` candidates of the first `users` users of a candidate file, by user id.

    Raises:
        InputError: the file is missing or is not a candidate file.
    """
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: run `python jobs/generate_candidates.py` first.") from error
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file: pass what jobs/generate_candidates.py wrote.") from error
    if file.schema_arrow.names != CANDIDATES.names:
        raise InputError(f"{path} has columns {file.schema_arrow.names}, not {CANDIDATES.names}.")
    found: dict[str, pa.Table] = {}
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        for user in pc.unique(table[USER_ID]).to_pylist():
            if user not in found and len(found) == users:
                return found
            rows = table.filter(pc.equal(table[USER_ID], user))
            first = rows.filter(pc.less_equal(rows[RANK], top))
            # A list may continue in the next row group.
            found[user] = pa.concat_tables([found[user], first]) if user in found else first
    return found
