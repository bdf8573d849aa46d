"""Vocabularies and scales, fitted on the training set: they turn the features of a tower into numbers."""

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
    def of(cls, chunks: Iterable[NDArray[np.float32]], *, log: bool) -> Self:
        """Fit on a column, given in chunks; NaN counts as missing and is left out.

        A constant or entirely missing column gets deviation 1. Sums of squares are combined by the update of Chan,
        Golub & LeVeque (1979), which avoids the cancellation of a difference of large sums.
        """
        count, mean, squares = 0, 0.0, 0.0
        for chunk in chunks:
            present = chunk[~np.isnan(chunk)].astype(np.float64)
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
    """Fitted encoding of the inputs of one tower.

    Attributes:
        schema: feature service of the tower.
        vocabularies: by input, for ids, categories and lists of them. A list shares the vocabulary of the item input
            that its elements are values of.
        scales: by input, for numbers.
    """

    schema: ServiceSchema
    vocabularies: dict[str, Vocabulary]
    scales: dict[str, Scale]

    @classmethod
    def fit(cls, schema: ServiceSchema, rows: ParquetRows, shared: dict[str, Vocabulary]) -> Self:
        """Fit on rows of the training set; `shared` holds vocabularies that are fitted already, by item input."""
        vocabularies, scales = {}, {}
        for column in schema.inputs:
            if column.is_string_list:
                vocabularies[column.name] = shared[column.refers_to]
            elif column.name in shared:
                vocabularies[column.name] = shared[column.name]
            elif column.encoding == "aligned":
                continue
            elif column.dtype == "String":
                vocabularies[column.name] = Vocabulary.of(rows.column(column.name))
            else:
                chunks = map(_to_float32, rows.column(column.name))
                scales[column.name] = Scale.of(chunks, log=column.encoding == "log")
        return cls(schema, vocabularies, scales)

    def merge_with(self, earlier: Self) -> Self:
        """Return the encoding of a warm start: the tokens of both encodings, and the earlier scales.

        The earlier weights were trained under the earlier scales; other scales would shift every number they take.
        Tokens that are missing from the newer rows are kept, because they may still be in users' lists.
        """
        vocabularies = {name: tokens.union(earlier.vocabularies[name]) for name, tokens in self.vocabularies.items()}
        return type(self)(self.schema, vocabularies, earlier.scales)

    def encode(self, rows: pa.Table) -> Codes:
        """Encode rows of the service's features.

        Returns:
            Arrays by input: codes of ids and categories, int32 (rows,); numbers, float32 (rows,), NaN if missing; codes
            of lists, int32, and the numbers aligned with them, float32, both (rows, schema.max_length(column)).
        """
        return {column.name: self.encode_column(column, rows[column.name]) for column in self.schema.inputs}

    def encode_missing(self) -> Codes:
        """Encode one row in which every feature is missing."""
        return self.encode(pa.table({column.name: pa.nulls(1, column.arrow_type) for column in self.schema.inputs}))

    def encode_column(self, column: FeatureColumn, values: pa.ChunkedArray) -> NDArray[Any]:
        """Encode one input, see `encode`."""
        if column.is_string_list:
            return self.vocabularies[column.name].encode_lists(values, self.schema.max_length(column))
        if column.encoding == "aligned":
            return pad_lists(values, self.schema.max_length(column), np.float32(0))
        if column.dtype == "String":
            return self.vocabularies[column.name].encode(values)
        return _to_float32(values)


@dataclass(frozen=True)
class Encodings:
    """The encodings of both towers.

    Attributes:
        query: of the query tower's inputs.
        item: of the item tower's inputs.
        items: vocabulary of item ids, of all training candidates. The purchased items alone would leak: having a token
            would reveal that an item is sold later.
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
        """Return the encodings of a warm start from towers with the given encodings; see `Encoding.merge_with`."""
        merged = self.item.merge_with(item)
        return type(self)(self.query.merge_with(query), merged, merged.vocabularies.get(ITEM_ID, self.items))


def _to_float32(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float32]:
    """Nulls become NaN."""
    numbers = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return np.asarray(numbers, np.float32)
