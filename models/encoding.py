"""What is fitted on the training set before any weight: vocabularies and the scale of numbers."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.schema import ITEM_ID, RECENT_ITEMS_KEPT
from features.service_schema import FeatureColumn, ServiceSchema
from models.vocabulary import Vocabulary

Codes = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of a number, after log(1 + x) if its encoding is `log`."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: NDArray[np.float32], *, log: bool) -> Self:
        """Fit on the values that are not missing; a constant or always missing number gets deviation 1."""
        present = values[~np.isnan(values)].astype(np.float64)
        if log:
            present = np.log1p(np.maximum(present, 0))
        if len(present) == 0:
            return cls(0.0, 1.0)
        return cls(float(present.mean()), float(present.std()) or 1.0)


@dataclass(frozen=True)
class Encoding:
    """How the inputs of one tower become numbers.

    Attributes:
        schema: the feature service the tower follows.
        vocabularies: by input name, for the inputs that are words; lists of items share the items' own.
        scales: by input name, for the inputs that are numbers.
    """

    schema: ServiceSchema
    vocabularies: dict[str, Vocabulary]
    scales: dict[str, Scale]

    @classmethod
    def fitted(cls, schema: ServiceSchema, rows: pa.Table, items: Vocabulary) -> Self:
        """Fit on rows of the training set only; `items` is the vocabulary of the purchased items."""
        vocabularies, scales = {}, {}
        for column in schema.inputs:
            if column.name == ITEM_ID or column.encoding == "items":
                vocabularies[column.name] = items
            elif column.dtype == "String":
                vocabularies[column.name] = Vocabulary.of(rows[column.name])
            else:
                scales[column.name] = Scale.of(_numbers(rows[column.name]), log=column.encoding == "log")
        return cls(schema, vocabularies, scales)

    def codes(self, rows: pa.Table) -> Codes:
        """Encode rows: words int32 (rows,), lists int32 (rows, 50), numbers float32 (rows,) with NaN where missing."""
        return {column.name: self._column(column, rows[column.name]) for column in self.schema.inputs}

    def _column(self, column: FeatureColumn, values: pa.ChunkedArray) -> NDArray[Any]:
        if column.encoding == "items":
            return self.vocabularies[column.name].list_codes(values, RECENT_ITEMS_KEPT)
        if column.dtype == "String":
            return self.vocabularies[column.name].codes(values)
        return _numbers(values)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """Nulls become NaN."""
    numbers: NDArray[np.float32] = column.to_numpy().astype(np.float32)
    return numbers
