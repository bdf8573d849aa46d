"""Candidate sets on disk: a Parquet file, and beside it a JSON file that tells how it was made."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from candidates.candidate_table import CANDIDATES
from features.errors import InputError
from features.files import written_whole
from features.schema import RANK, SOURCES, USER_ID


class CandidateFile:
    """A Parquet file of candidate sets that is written batch by batch.

    Attributes:
        users: how many users got candidates.
        sources: how many candidates each source listed; one candidate may be listed by several.
        rows: how many candidates were written.
    """

    def __init__(self, writer: pq.ParquetWriter, description: Path) -> None:
        self._writer = writer
        self._description = description
        self.users = 0
        self.sources: Counter[str] = Counter()
        self.rows = 0

    @classmethod
    @contextlib.contextmanager
    def written(cls, path: Path) -> Iterator[Self]:
        """Open `path` and the JSON file beside it; each appears whole once the block succeeds, or not at all.

        Raises:
            InputError: the path does not end in .parquet.
        """
        require_parquet(path)
        with written_whole(path) as rows, written_whole(path.with_suffix(".json")) as description:
            with pq.ParquetWriter(rows, CANDIDATES, compression="zstd") as writer:
                file = cls(writer, description)
                yield file
            if not description.exists():
                raise ValueError("a candidate file needs its description before it is closed")

    def add(self, candidates: pa.Table) -> None:
        """Append the candidate sets of users that are not in the file yet; schema `CANDIDATES`."""
        self._writer.write_table(candidates)
        self.users += pc.count_distinct(candidates[USER_ID]).as_py()
        for count in pc.value_counts(pc.list_flatten(candidates[SOURCES])).to_pylist():
            self.sources[count["values"]] += count["counts"]
        self.rows += candidates.num_rows

    def describe(self, **facts: Any) -> None:
        """Write the JSON file: the counts, and whatever else is JSON-ready."""
        content = {"users": self.users, "rows": self.rows, "rows_by_source": dict(self.sources), **facts}
        self._description.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def require_parquet(path: Path) -> None:
    """Refuse a name under which nobody would look for a Parquet file.

    Raises:
        InputError: it does not end in .parquet.
    """
    if path.suffix != ".parquet":
        raise InputError(f"{path} does not end in .parquet: candidate sets are written as Parquet.")


def read_users(path: Path, users: int, top: int) -> dict[str, pa.Table]:
    """Read the first `top` candidates of the first `users` users of a candidate file, by user.

    Raises:
        InputError: the file is missing or holds something else.
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
            # A list may begin in one row group and go on in the next.
            found[user] = pa.concat_tables([found[user], first]) if user in found else first
    return found
