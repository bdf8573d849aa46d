"""Rows in Parquet files, read a batch at a time and as often as asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from features.sql import literal

ROWS_PER_BATCH: Final = 65_536


@dataclass(frozen=True)
class ParquetRows:
    """The rows of some files of one schema, one file after the other.

    Attributes:
        paths: the files.
    """

    paths: tuple[Path, ...]

    @classmethod
    def concat(cls, *tables: Self) -> Self:
        """The rows of several, one after the other."""
        return cls(tuple(path for table in tables for path in table.paths))

    @property
    def sql(self) -> str:
        """What to write after FROM for DuckDB."""
        return f"read_parquet([{', '.join(map(literal, self.paths))}])"

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return sum(pq.read_metadata(path).num_rows for path in self.paths)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return pq.read_schema(self.paths[0])

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows in order, at most `ROWS_PER_BATCH` at a time; of some columns, or of all."""
        for path in self.paths:
            # What is buffered ahead would be kept until the file is closed.
            with pq.ParquetFile(path, pre_buffer=False) as file:
                yield from file.iter_batches(ROWS_PER_BATCH, columns=columns)

    def column(self, name: str) -> Iterator[pa.Array]:
        """One column, a batch at a time."""
        return (batch.column(0) for batch in self.batches([name]))

    def split(self, sizes: Iterable[int]) -> Iterator[pa.Table]:
        """Successive tables of so many rows each; together they must be all rows.

        Raises:
            ValueError: they are not.
        """
        held, batches = self.schema.empty_table(), self.batches()
        for size in sizes:
            parts = [held]
            missing = size - held.num_rows
            while missing > 0:
                batch = next(batches, None)
                if batch is None:
                    raise ValueError(f"{missing} rows are missing in {self.paths}.")
                parts.append(pa.Table.from_batches([batch]))
                missing -= batch.num_rows
            together = pa.concat_tables(parts)
            yield together.slice(0, size)
            held = together.slice(size)
        if held.num_rows or next(batches, None) is not None:
            raise ValueError(f"Rows are left over in {self.paths}.")

    def table(self) -> pa.Table:
        """All rows at once."""
        return pa.Table.from_batches(self.batches(), self.schema)
