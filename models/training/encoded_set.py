"""The training set as numbers, in Parquet files with one row group for each day.

queries.parquet     codes of the queries
users.parquet       whose query it is
purchases.parquet   of which query of the day it is, and whether its user had never bought the item
candidates.parquet  which item each candidate is, and its share of the sales
items.parquet       codes of the candidates: a day's purchased items, then those drawn for it
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.schema import EVENT_TIMESTAMP, ITEM_ID, NEW, USER_CODE
from features.training_data.training_set import TrainingSet
from models.encoding import Codes, Encodings
from models.training.training_rows import TrainingRows

_FILES = ("queries", "users", "purchases", "candidates", "items")


@dataclass(frozen=True)
class EncodedSet:
    """An encoded training set on disk.

    Attributes:
        folder: where its files are.
        purchases_per_day: int64 (days,).
        sampling_probability: probability that one draw from the catalogue takes a given item.
    """

    folder: Path
    purchases_per_day: NDArray[np.int64]
    sampling_probability: float

    @classmethod
    def write(
        cls,
        rows: TrainingSet,
        encodings: Encodings,
        folder: Path,
        *,
        shares_of_day: bool,
        done: Callable[[int], object] = lambda _: None,
    ) -> Self:
        """Encode a training set, a day at a time.

        Args:
            rows: the training set.
            encodings: fitted on it.
            folder: where the files go; it must not exist yet, so that nothing that is read is written over.
            shares_of_day: whether an item's share of the sales is that of the day, or of the whole training set.
            done: called with the number of days done since the last call.

        Raises:
            FileExistsError: the folder is there already.
        """
        folder.mkdir()
        bought = map(encodings.items.encode, rows.items.column(ITEM_ID))
        shares = None if shares_of_day else _shares(bought, encodings.items.size)
        with ExitStack() as stack:
            writers: dict[str, pq.ParquetWriter] = {}
            for day in _days(rows, encodings, shares):
                for name, table in day.items():
                    if name not in writers:
                        writer = pq.ParquetWriter(folder / f"{name}.parquet", table.schema, compression="zstd")
                        writers[name] = stack.enter_context(writer)
                    writers[name].write_table(table, row_group_size=max(1, table.num_rows))
                done(1)
        return cls(folder, rows.purchases_per_day, 1 / rows.catalogue_size)

    def reader(self) -> Callable[[int], TrainingRows]:
        """Open the files, and return what reads one day."""
        files = {name: pq.ParquetFile(self.folder / f"{name}.parquet", pre_buffer=False) for name in _FILES}

        def day(number: int) -> TrainingRows:
            queries, users, purchases, candidates, items = (
                _arrays(files[name].read_row_group(number)) for name in _FILES
            )
            return TrainingRows(
                queries=queries,
                query_rows=purchases["query"],
                users=users["user"],
                new=purchases["new"],
                items=items,
                candidates=candidates["candidate"],
                sold=candidates["sold"],
            )

        return day


def _days(rows: TrainingSet, encodings: Encodings, shares: NDArray[np.float32] | None) -> Iterator[dict[str, pa.Table]]:
    """The tables of each day."""
    parts = zip(
        rows.queries.split(rows.queries_per_day),
        rows.items.split(rows.purchases_per_day),
        rows.sampled_items.split(np.full(len(rows.queries_per_day), rows.sampled_per_day)),
        strict=True,
    )
    for queries, bought, sampled in parts:
        items = pa.concat_tables([bought.drop_columns([NEW]), sampled])
        candidates = encodings.items.encode(items[ITEM_ID])
        sold = _shares([candidates[: bought.num_rows]], encodings.items.size) if shares is None else shares
        yield {
            "queries": _table(encodings.query.encode(queries)),
            "users": _table({"user": _users(queries)}),
            "purchases": _table({"query": _query_rows(bought, queries.num_rows), "new": _new(bought)}),
            "candidates": _table({"candidate": candidates, "sold": sold[candidates]}),
            "items": _table(encodings.item.encode(items)),
        }


def _query_rows(bought: pa.Table, queries: int) -> NDArray[np.int32]:
    """A new query begins where moment or user change, because the purchases come in the order of the queries."""
    moments, users = bought[EVENT_TIMESTAMP].to_numpy(), _users(bought)
    begins = (moments[1:] != moments[:-1]) | (users[1:] != users[:-1])
    rows = np.concatenate([[0], np.cumsum(begins)]).astype(np.int32)
    if rows[-1] + 1 != queries:  # not bad input: the files of one training set belong together
        raise ValueError(f"A day has {queries} queries, and its purchases lead to {rows[-1] + 1}.")
    return rows


def _users(rows: pa.Table) -> NDArray[np.int32]:
    return np.asarray(rows[USER_CODE].to_numpy(), np.int32)


def _new(bought: pa.Table) -> NDArray[np.bool_]:
    return np.asarray(bought[NEW].to_numpy(), np.bool_)


def _shares(codes: Iterable[NDArray[np.int32]], size: int) -> NDArray[np.float32]:
    """The share of each code, of codes that come in pieces."""
    counts = sum(np.bincount(piece, minlength=size) for piece in codes)
    return np.asarray(counts / np.sum(counts), np.float32)


def _table(codes: Codes) -> pa.Table:
    """Arrays (rows,) and (rows, length) as columns."""
    return pa.table(
        {
            name: pa.array(array)
            if array.ndim == 1
            else pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])
            for name, array in codes.items()
        }
    )


def _arrays(table: pa.Table) -> Codes:
    return {
        name: pc.list_flatten(column).to_numpy().reshape(len(column), -1)
        if pa.types.is_fixed_size_list(column.type)
        else column.to_numpy(zero_copy_only=False)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
