"""The rows of Parquet files, read in batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from features.sql import parquet_files
from features.text import counted

ROWS_PER_BATCH: Final = 65_536


@dataclass(frozen=True)
class ParquetRows:
    """The rows of files with one schema, in the order of the files. Every call reads them again.

    Attributes:
        paths: the files, absolute: Arrow takes a relative path such as `s3:/x` for an address, and `~` for a home.
    """

    paths: tuple[Path, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", tuple(path.absolute() for path in self.paths))

    @classmethod
    def concat(cls, *tables: Self) -> Self:
        """Concatenate the rows of several tables."""
        return cls(tuple(path for table in tables for path in table.paths))

    @property
    def sql(self) -> str:
        """The relation for DuckDB, as written after FROM."""
        return parquet_files(self.paths)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return sum(pq.read_metadata(path).num_rows for path in self.paths)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return pq.read_schema(self.paths[0])

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order, in batches of at most `ROWS_PER_BATCH`; of some columns, or of all."""
        for path in self.paths:
            # A read-ahead buffer would stay in memory until the file is closed.
            with pq.ParquetFile(path, pre_buffer=False) as file:
                yield from file.iter_batches(ROWS_PER_BATCH, columns=columns)

    def column(self, name: str) -> Iterator[pa.Array]:
        """Yield one column in batches."""
        return (batch.column(0) for batch in self.batches([name]))

    def split(self, sizes: Iterable[int]) -> Iterator[pa.Table]:
        """Yield successive tables of these numbers of rows, which must add up to all rows.

        Raises:
            ValueError: there are fewer or more rows.
        """
        rest, batches = self.schema.empty_table(), self.batches()
        for size in sizes:
            parts = [rest]
            missing = size - rest.num_rows
            while missing > 0:
                batch = next(batches, None)
                if batch is None:
                    raise ValueError(f"{self.paths} have {counted(missing, 'row')} too few.")
                parts.append(pa.Table.from_batches([batch]))
                missing -= batch.num_rows
            table = pa.concat_tables(parts)
            yield table.slice(0, size)
            rest = table.slice(size)
        if rest.num_rows or next(batches, None) is not None:
            raise ValueError(f"{self.paths} have more rows than the sum of the sizes.")

    def table(self) -> pa.Table:
        """Read all rows at once."""
        return pa.Table.from_batches(self.batches(), self.schema)
