"""What is fitted on the training set before any weight: vocabularies and the scale of numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.parquet_rows import ParquetRows
from features.schema import ITEM_ID
from features.store.service_schema import FeatureColumn, ServiceSchema, TowerSchemas
from models.vocabulary import Vocabulary, pad_lists

Codes = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of a number, after log(1 + x) if its encoding is `log`."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, column: Iterable[NDArray[np.float32]], *, log: bool) -> Self:
        """Fit on a column that comes in pieces, without its missing values.

        A constant or always missing number gets deviation 1. Sums of squares of the pieces are put together by
        Chan, Golub & LeVeque's formula (1979), which does not cancel as a difference of large sums does.
        """
        count, mean, squares = 0, 0.0, 0.0
        for piece in column:
            present = piece[~np.isnan(piece)].astype(np.float64)
            if len(present) == 0:
                continue
            if log:
                present = np.log1p(np.maximum(present, 0))
            shift, total = float(present.mean()) - mean, count + len(present)
            squares += float(((present - present.mean()) ** 2).sum()) + shift**2 * count * len(present) / total
            mean += shift * len(present) / total
            count = total
        return cls(mean, float(np.sqrt(squares / count)) or 1.0) if count else cls(0.0, 1.0)


@dataclass(frozen=True)
class Encoding:
    """How the inputs of one tower become numbers.

    Attributes:
        schema: the feature service the tower follows.
        vocabularies: by input name, for the inputs that are words; a list shares that of the item input it speaks of.
        scales: by input name, for the inputs that are numbers.
    """

    schema: ServiceSchema
    vocabularies: dict[str, Vocabulary]
    scales: dict[str, Scale]

    @classmethod
    def fit(cls, schema: ServiceSchema, rows: ParquetRows, shared: dict[str, Vocabulary]) -> Self:
        """Fit on rows of the training set only; `shared` holds vocabularies that are there already, by item input."""
        vocabularies, scales = {}, {}
        for column in schema.inputs:
            if column.is_words:
                vocabularies[column.name] = shared[column.of]
            elif column.name in shared:
                vocabularies[column.name] = shared[column.name]
            elif column.encoding == "aligned":
                continue
            elif column.dtype == "String":
                vocabularies[column.name] = Vocabulary.of(rows.column(column.name))
            else:
                pieces = map(_numbers, rows.column(column.name))
                scales[column.name] = Scale.of(pieces, log=column.encoding == "log")
        return cls(schema, vocabularies, scales)

    def merge_with(self, earlier: Self) -> Self:
        """What a training that goes on from an earlier one encodes with: the words of both, the earlier scales.

        Weights that stay were learned under the earlier scales: under others every number would shift beneath them.
        Words of before stay even where the newer rows do not have them: they still stand on users' lists.
        """
        words = {name: words.union(earlier.vocabularies[name]) for name, words in self.vocabularies.items()}
        return type(self)(self.schema, words, earlier.scales)

    def encode(self, rows: pa.Table) -> Codes:
        """Encode rows of the service's features.

        Returns:
            By input: words int32 (rows,), numbers float32 (rows,) with NaN where missing, lists int32 and the numbers
            that go with them float32, both (rows, schema.length(column)).
        """
        return {column.name: self._column(column, rows[column.name]) for column in self.schema.inputs}

    def encode_missing(self) -> Codes:
        """Encode one row of which nothing is known."""
        return self.encode(pa.table({column.name: pa.nulls(1, column.arrow_type) for column in self.schema.inputs}))

    def _column(self, column: FeatureColumn, values: pa.ChunkedArray) -> NDArray[Any]:
        if column.is_words:
            return self.vocabularies[column.name].encode_lists(values, self.schema.length(column))
        if column.encoding == "aligned":
            return pad_lists(values, self.schema.length(column), np.float32(0))
        if column.dtype == "String":
            return self.vocabularies[column.name].encode(values)
        return _numbers(values)


@dataclass(frozen=True)
class Encodings:
    """The encodings of both towers.

    Attributes:
        query: of the query tower's inputs.
        item: of the item tower's inputs.
        items: the words of item ids. Of all candidates, not of the purchased ones: or to have a word would tell that
            an item is going to be sold.
    """

    query: Encoding
    item: Encoding
    items: Vocabulary

    @classmethod
    def fit(cls, schemas: TowerSchemas, queries: ParquetRows, candidates: ParquetRows) -> Self:
        """Fit both on the queries and the candidates of a training set."""
        items = Vocabulary.of(candidates.column(ITEM_ID))
        item = Encoding.fit(schemas.item, candidates, {ITEM_ID: items})
        query = Encoding.fit(schemas.query, queries, {ITEM_ID: items, **item.vocabularies})
        return cls(query=query, item=item, items=items)

    def merge_with(self, query: Encoding, item: Encoding) -> Self:
        """What a training that goes on from one with these two encodings encodes with."""
        later = self.item.merge_with(item)
        return type(self)(self.query.merge_with(query), later, later.vocabularies.get(ITEM_ID, self.items))


def _numbers(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float32]:
    """Nulls become NaN."""
    numbers = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return np.asarray(numbers, np.float32)
