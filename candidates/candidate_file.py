"""The candidate file: ranked lists as a Parquet table, with a description of how it was made.

The description is part of the file's metadata, so that it cannot be that of another file. A JSON file of the same name
holds it once more, for people: it is deleted before the file is replaced, and written again afterwards.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.compiled import compiled
from features.errors import InputError, first_line
from features.files import atomic_write
from features.locks import writer_lock
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

_DESCRIPTION: Final = "description"

# Tables in memory have the names of sources as codes: a candidate has several. The file is read as `CANDIDATES`.
_CODED_SOURCES: Final = pa.field(SOURCES, pa.list_(pa.dictionary(pa.int8(), pa.string())), nullable=False)
CANDIDATE_TABLE: Final = CANDIDATES.set(CANDIDATES.get_field_index(SOURCES), _CODED_SOURCES)

# Names and small numbers repeat and are stored as codes. Scores do not: their bytes compress by significance.
_LIST: Final = "{}.list.element"
_REPEATED: Final = (
    *(USER_ID, ITEM_ID, RANK, RETRIEVAL_RANK),
    *(_LIST.format(name) for name in (SOURCES, SOURCE_RANKS)),
)
_SCORES: Final = (RANKING_SCORE, SCORE, _LIST.format(SOURCE_SCORES))


def candidates_to_table(
    user_ids: Sequence[str],
    blended: BlendedLists,
    item_ids: pa.StringArray,
    retrieval_ranks: NDArray[np.int32],
    ranking_scores: NDArray[np.float32],
) -> pa.Table:
    """Convert ranked lists to a table with one row per user and item, without the padding.

    Args:
        user_ids: (n,), unique.
        blended: n lists in their final order, padding at the end of a row only.
        item_ids: string (items,), the ids of the index.
        retrieval_ranks: int32 (n, k), the rank of each candidate before ranking, from 1.
        ranking_scores: float32 (n, k), the score of the ranker; NaN, and null in the table, without a ranker.

    Returns:
        A table with the schema `CANDIDATE_TABLE`: users in the order given, rank from 1; the sources that list the
        candidate, with its ranks and scores in the same order. A user whose list is all padding has no rows. A string
        column of Arrow holds at most 2 GiB: convert a few million rows at a time.

    Raises:
        ValueError: the shapes do not match, a user is repeated, a position is not in the index, or padding precedes
            an item.
    """
    n, positions = len(user_ids), blended.positions
    if len(positions) != n:
        raise ValueError(f"{n} user ids need {n} lists, not {len(positions)}.")
    if len(set(user_ids)) != n:
        raise ValueError("User ids must be unique: a user has one list.")
    listed = positions >= 0
    if positions.max(initial=-1) >= len(item_ids) or (listed[:, 1:] & ~listed[:, :-1]).any():
        raise ValueError(f"Positions must be below {len(item_ids)}, and padding only at the end of a list.")
    rows, columns = np.nonzero(listed)
    by_source = np.ascontiguousarray(blended.ranks), np.ascontiguousarray(blended.source_scores)
    offsets, sources, ranks, scores = _listing_sources(rows, columns, *by_source)
    names = pa.DictionaryArray.from_arrays(pa.array(sources), pa.array(blended.sources, pa.string()))
    table_columns = [
        pa.array(user_ids, pa.string()).take(pa.array(rows)),
        item_ids.take(pa.array(positions[rows, columns])),
        pa.array((columns + 1).astype(np.int32)),
        pa.array(ranking_scores[rows, columns], from_pandas=True),
        pa.array(retrieval_ranks[rows, columns]),
        pa.array(blended.scores[rows, columns]),
        *(pa.ListArray.from_arrays(pa.array(offsets), values) for values in (names, pa.array(ranks), pa.array(scores))),
    ]
    return pa.table(table_columns, schema=CANDIDATE_TABLE)


@compiled
def _listing_sources(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    ranks: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.int32], NDArray[np.float32]]:
    """Return the sources that list each of m candidates: offsets (m + 1,), then source, rank and score of each entry.

    Args:
        rows: (m,), the list of each candidate.
        columns: (m,), its place there.
        ranks: (n, k, sources), 0 where a source does not list the candidate.
        scores: (n, k, sources).
    """
    sources = ranks.shape[2]
    offsets, most = np.zeros(len(rows) + 1, np.int32), len(rows) * sources + 1
    listing, own_ranks, own_scores = np.empty(most, np.int8), np.empty(most, np.int32), np.empty(most, np.float32)
    count = 0
    for candidate in range(len(rows)):
        row, column = rows[candidate], columns[candidate]
        for source in range(sources):
            listing[count] = source
            own_ranks[count] = ranks[row, column, source]
            own_scores[count] = scores[row, column, source]
            count += ranks[row, column, source] > 0
        offsets[candidate + 1] = count
    return offsets, listing[:count].copy(), own_ranks[:count].copy(), own_scores[:count].copy()


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
        """Open `path` and its JSON file for writing; both are replaced once the block succeeds, the JSON file last.

        Raises:
            InputError: the path does not end in .parquet, or another process is writing it.
        """
        require_parquet(path)
        with (
            # Two writers could leave the rows of one with the JSON file of the other.
            writer_lock(path, f"The candidate file {path}"),
            atomic_write(path.with_suffix(".json")) as description,
            atomic_write(path) as rows,
        ):
            writer = pq.ParquetWriter(
                rows,
                CANDIDATE_TABLE,
                store_schema=False,  # it would make readers return codes
                compression="zstd",
                use_dictionary=[*_REPEATED],
                use_byte_stream_split=[*_SCORES],
                write_statistics=[USER_ID],
            )
            with writer:
                file = cls(writer, description)
                yield file
            if not description.exists():
                raise ValueError("A candidate file needs its description: call `describe` before the block ends.")
            # A process that is killed between the two renames leaves no description rather than that of other rows.
            path.with_suffix(".json").unlink(missing_ok=True)

    def append(self, candidates: pa.Table) -> None:
        """Append the candidates of users that are not in the file yet as a row group; schema `CANDIDATE_TABLE`."""
        self._writer.write_table(candidates)
        self.users += pc.sum(pc.equal(candidates[RANK], 1), min_count=0).as_py()  # each user has one first candidate
        for part in pc.list_flatten(candidates[SOURCES]).chunks:
            counts = np.bincount(part.indices, minlength=len(part.dictionary)).tolist()
            self.sources += Counter(dict(zip(part.dictionary.to_pylist(), counts, strict=True)))
        self.rows += candidates.num_rows

    def describe(self, **details: Any) -> None:
        """Write the description: the counts and the given JSON-ready details."""
        content = {"users": self.users, "rows": self.rows, "rows_by_source": dict(self.sources), **details}
        self._writer.add_key_value_metadata({_DESCRIPTION: json.dumps(content)})
        self._description.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_description(path: Path) -> dict[str, Any] | None:
    """Read the description of a candidate file; None if it has none.

    Raises:
        InputError: the file is missing or is not a Parquet file, or the description is not a JSON object.
    """
    content = (_open(path).metadata.metadata or {}).get(_DESCRIPTION.encode())
    if content is None:
        return None
    try:
        description: Any = json.loads(content)
    except ValueError as error:
        raise damaged_description(path) from error
    if not isinstance(description, dict):
        raise damaged_description(path)
    return description


def damaged_description(path: Path) -> InputError:
    """Return the error for a candidate file whose description was not written by this project."""
    return InputError(f"{path} has a damaged description: run `python jobs/generate_candidates.py` again.")


def require_parquet(path: Path) -> None:
    """Raise InputError unless the path ends in .parquet."""
    if path.suffix != ".parquet":
        raise InputError(f"{path} does not end in .parquet: candidates are written as Parquet.")


def read_users(path: Path, users: int, top: int) -> dict[str, pa.Table]:
    """Read the first `top` candidates of the first `users` users of a candidate file, by user id.

    Raises:
        InputError: the file is missing or is not a candidate file.
    """
    file = _open(path)
    if file.schema_arrow.names != CANDIDATES.names:
        raise InputError(f"{path} has columns {file.schema_arrow.names}, not {CANDIDATES.names}.")
    found: dict[str, pa.Table] = {}
    for group in range(file.num_row_groups):
        try:
            table = file.read_row_group(group)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error
        for user in pc.unique(table[USER_ID]).to_pylist():
            if user not in found and len(found) == users:
                return found
            rows = table.filter(pc.equal(table[USER_ID], user))
            first = rows.filter(pc.less_equal(rows[RANK], top))
            # A list may continue in the next row group.
            found[user] = pa.concat_tables([found[user], first]) if user in found else first
    return found


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path.absolute())
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: run `python jobs/generate_candidates.py` first.") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is not a Parquet file that can be read ({first_line(error)}): pass what jobs/generate_candidates.py "
        "wrote."
    )
