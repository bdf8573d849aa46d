"""The encoded training set, in Parquet files with one row group per day.

queries.parquet     codes of the queries
users.parquet       user of each query
purchases.parquet   query of each purchase, and whether its user had never bought the item
candidates.parquet  catalogue item of each candidate, and its share of the sales
items.parquet       codes of the candidates: the purchased items of the day, then the items sampled for it
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.parquet_rows import ParquetRows
from features.schema import EVENT_TIMESTAMP, ITEM_ID, NEW, USER_CODE
from models.encoding import Codes, Encodings
from models.training.training_rows import TrainingRows

_FILES = ("queries", "users", "purchases", "candidates", "items")


class TrainingData(Protocol):
    """Point-in-time features of purchases, in files ordered by time; `features.training_data` writes them."""

    @property
    def queries(self) -> ParquetRows:
        """Features of each distinct (user, moment) of a purchase, `user_code` and `event_timestamp`."""

    @property
    def items(self) -> ParquetRows:
        """Features of each purchase's item, `user_code`, `event_timestamp` and `new`, in the order of `queries`."""

    @property
    def sampled_items(self) -> ParquetRows:
        """Features of items sampled from the catalogue, `sampled_per_day` of them for each day."""

    @property
    def candidates(self) -> ParquetRows:
        """The rows of `items` and of `sampled_items`."""

    @property
    def queries_per_day(self) -> NDArray[np.int64]:
        """Number of queries of each day, int64 (days,)."""

    @property
    def purchases_per_day(self) -> NDArray[np.int64]:
        """Number of purchases of each day, int64 (days,)."""

    @property
    def sampled_per_day(self) -> NDArray[np.int64]:
        """Number of sampled items of each day, int64 (days,)."""

    @property
    def catalogue_sizes(self) -> NDArray[np.int64]:
        """Number of items that were sampled from on each day, int64 (days,)."""


@dataclass(frozen=True)
class EncodedSet:
    """An encoded training set on disk.

    Attributes:
        folder: with the files.
        purchases_per_day: int64 (days,).
        sampling_probabilities: float64 (days,), probability that one draw from the day's catalogue is a given item.
    """

    folder: Path
    purchases_per_day: NDArray[np.int64]
    sampling_probabilities: NDArray[np.float64]

    @classmethod
    def write(
        cls,
        data: TrainingData,
        encodings: Encodings,
        folder: Path,
        *,
        shares_of_day: bool,
        done: Callable[[int], object] = lambda _: None,
    ) -> Self:
        """Encode a training set, one day at a time.

        Args:
            data: the training set.
            encodings: fitted on it.
            folder: for the files; it must not exist yet, so that no file that is being read is overwritten.
            shares_of_day: whether an item's share of the sales is that of the day, or of the whole training set.
            done: called with the number of days encoded since the last call.

        Raises:
            FileExistsError: the folder exists.
        """
        folder.mkdir()
        bought = map(encodings.items.encode, data.items.column(ITEM_ID))
        shares = None if shares_of_day else _compute_shares(bought, encodings.items.size)
        with ExitStack() as stack:
            writers: dict[str, pq.ParquetWriter] = {}
            for day in _encode_days(data, encodings, shares):
                for name, table in day.items():
                    if name not in writers:
                        writer = pq.ParquetWriter(folder / f"{name}.parquet", table.schema, compression="zstd")
                        writers[name] = stack.enter_context(writer)
                    writers[name].write_table(table, row_group_size=max(1, table.num_rows))
                done(1)
        return cls(folder, data.purchases_per_day, 1 / data.catalogue_sizes)

    def open_reader(self) -> Callable[[int], TrainingRows]:
        """Open the files, and return a function that reads one day by its number, from 0."""
        files = {name: pq.ParquetFile(self.folder / f"{name}.parquet", pre_buffer=False) for name in _FILES}

        def read_day(number: int) -> TrainingRows:
            queries, users, purchases, candidates, items = (
                _to_arrays(files[name].read_row_group(number)) for name in _FILES
            )
            return TrainingRows(
                queries=queries,
                query_rows=purchases["query"],
                users=users["user"],
                new=purchases["new"],
                items=items,
                candidates=candidates["candidate"],
                sales_shares=candidates["sales_share"],
                sampling_probability=float(self.sampling_probabilities[number]),
            )

        return read_day


def _encode_days(
    data: TrainingData, encodings: Encodings, shares: NDArray[np.float32] | None
) -> Iterator[dict[str, pa.Table]]:
    """Yield the tables of each day, by file."""
    days = zip(
        data.queries.split(data.queries_per_day),
        data.items.split(data.purchases_per_day),
        data.sampled_items.split(data.sampled_per_day),
        strict=True,
    )
    for queries, bought, sampled in days:
        items = pa.concat_tables([bought.drop_columns([NEW]), sampled])
        candidates = encodings.items.encode(items[ITEM_ID])
        day_shares = shares
        if day_shares is None:
            day_shares = _compute_shares([candidates[: bought.num_rows]], encodings.items.size)
        yield {
            "queries": _to_table(encodings.query.encode(queries)),
            "users": _to_table({"user": _user_codes(queries)}),
            "purchases": _to_table({"query": _query_rows(bought, queries.num_rows), "new": _new_flags(bought)}),
            "candidates": _to_table({"candidate": candidates, "sales_share": day_shares[candidates]}),
            "items": _to_table(encodings.item.encode(items)),
        }


def _query_rows(bought: pa.Table, queries: int) -> NDArray[np.int32]:
    """Return the query of each purchase, int32 (purchases,).

    The purchases are in the order of the queries: a new query starts where moment or user change.
    """
    moments, users = bought[EVENT_TIMESTAMP].to_numpy(), _user_codes(bought)
    starts = (moments[1:] != moments[:-1]) | (users[1:] != users[:-1])
    rows = np.concatenate([[0], np.cumsum(starts)]).astype(np.int32)
    if rows[-1] + 1 != queries:  # a bug, not bad input: the files of one training set are written together
        raise ValueError(f"A day has {queries} queries, but its purchases belong to {rows[-1] + 1}.")
    return rows


def _user_codes(rows: pa.Table) -> NDArray[np.int32]:
    return np.asarray(rows[USER_CODE].to_numpy(), np.int32)


def _new_flags(bought: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(bought[NEW].to_numpy(), np.bool_)


def _compute_shares(chunks: Iterable[NDArray[np.int32]], size: int) -> NDArray[np.float32]:
    """Return the relative frequency of each code in a column, given in chunks, float32 (size,)."""
    counts = sum(np.bincount(chunk, minlength=size) for chunk in chunks)
    return np.asarray(counts / np.sum(counts), np.float32)


def _to_table(codes: Codes) -> pa.Table:
    """Return arrays (rows,) and (rows, length) as columns."""
    return pa.table(
        {
            name: pa.array(array)
            if array.ndim == 1
            else pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])
            for name, array in codes.items()
        }
    )


def _to_arrays(table: pa.Table) -> Codes:
    """Return the arrays of a table from `_to_table`."""
    return {
        name: pc.list_flatten(column).to_numpy().reshape(len(column), -1)
        if pa.types.is_fixed_size_list(column.type)
        else column.to_numpy(zero_copy_only=False)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
