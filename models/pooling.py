"""Inner loops of the query tower in serving, compiled: pooled look-ups of lists, and dense layers.

Rows are computed independently, so that the result of one does not depend on the other rows of a call. A matrix product
of BLAS has other rounding errors for one row than for a thousand.

Lists are given flat: list i holds the positions `starts[i]` to `starts[i] + counts[i]`.
"""

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled_sums
from models.vocabulary import FIRST_TOKEN

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]

_ZERO = np.float32(0)
_ONE = np.float32(1)


@compiled_sums
def log_numbers(
    starts: Integers, counts: Integers, number_starts: Integers, numbers: Floats, result: Floats, column: int
) -> None:
    """Write log(1 + number) at positions of lists; nothing for negative numbers and NaN.

    Args:
        starts: (rows,), of the lists.
        counts: (rows,), of the numbers.
        number_starts: (rows,), of the numbers.
        numbers: flat.
        result: (positions of the lists, columns).
        column: of the result, to be written.
    """
    for row in range(len(starts)):
        for position in range(counts[row]):
            number = numbers[number_starts[row] + position]
            if number > _ZERO:
                result[starts[row] + position, column] = np.log1p(number)


@compiled_sums
def position_weights(
    numbers: Floats,
    hidden_kernels: Floats,
    hidden_biases: Floats,
    output_kernels: Floats,
    output_biases: Floats,
    result: Floats,
) -> None:
    """Write the weights of known elements, see `models.layers.PositionWeights`.

    Args:
        numbers: (positions, numbers), after `log_numbers`.
        hidden_kernels: (heads, numbers, units).
        hidden_biases: (heads, units).
        output_kernels: (heads, units).
        output_biases: (heads,).
        result: (positions, heads).
    """
    units = hidden_biases.shape[1]
    hidden = np.empty(units, np.float32)
    for position in range(len(numbers)):
        for head in range(len(output_biases)):
            for unit in range(units):
                hidden[unit] = hidden_biases[head, unit]
            for number in range(numbers.shape[1]):
                value = numbers[position, number]
                for unit in range(units):
                    hidden[unit] += value * hidden_kernels[head, number, unit]
            output = output_biases[head]
            for unit in range(units):
                output += max(hidden[unit], _ZERO) * output_kernels[head, unit]
            result[position, head] = max(output, _ZERO) + np.log1p(np.exp(-abs(output)))


@compiled_sums
def add_pooled_lists(
    starts: Integers, counts: Integers, codes: Codes, weights: Floats, vectors: Floats, result: Floats
) -> None:
    """Add the pooled vectors of a list for each head, see `models.query_tower.ContentHeads`.

    Args:
        starts: (rows,).
        counts: (rows,).
        codes: flat.
        weights: (positions, heads).
        vectors: (codes, dimensions).
        result: (heads, rows, dimensions), to which the pooled vectors are added.
    """
    heads, dimensions = len(result), vectors.shape[1]
    sums, totals = np.empty((heads, dimensions), np.float32), np.empty(heads, np.float32)
    for row in range(len(starts)):
        sums[:] = _ZERO
        totals[:] = _ZERO
        for position in range(starts[row], starts[row] + counts[row]):
            code = codes[position]
            if code >= FIRST_TOKEN:
                for head in range(heads):
                    weight = weights[position, head]
                    totals[head] += weight
                    for dimension in range(dimensions):
                        sums[head, dimension] += weight * vectors[code, dimension]
        for head in range(heads):
            scale = _ONE / np.sqrt(_ONE + totals[head])
            for dimension in range(dimensions):
                result[head, row, dimension] += scale * sums[head, dimension]


@compiled_sums
def add_item_memory(
    starts: Integers,
    counts: Integers,
    codes: Codes,
    weights: Floats,
    repeat_log_weights: Floats,
    vectors: Floats,
    result: Floats,
) -> None:
    """Add the weighted sum of the item-memory vectors of a list, see `models.query_tower.ItemMemory`.

    Args:
        starts: (rows,).
        counts: (rows,).
        codes: flat.
        weights: (positions, 1).
        repeat_log_weights: (codes, 1).
        vectors: (codes, dimensions).
        result: (rows, dimensions), to which the sums are added.
    """
    for row in range(len(starts)):
        for position in range(starts[row], starts[row] + counts[row]):
            code = codes[position]
            if code >= FIRST_TOKEN:
                weight = weights[position, 0] * np.exp(repeat_log_weights[code, 0])
                for dimension in range(vectors.shape[1]):
                    result[row, dimension] += weight * vectors[code, dimension]


@compiled_sums
def apply_dense(inputs: Floats, kernel: Floats, bias: Floats, result: Floats) -> None:
    """Write `inputs @ kernel + bias`.

    Args:
        inputs: (rows, inputs).
        kernel: (inputs, units).
        bias: (units,).
        result: (rows, units).
    """
    for row in range(len(inputs)):
        for unit in range(len(bias)):
            result[row, unit] = bias[unit]
        for column in range(len(kernel)):
            value = inputs[row, column]
            if value != _ZERO:  # most one-hot inputs and rectified units are
                for unit in range(len(bias)):
                    result[row, unit] += value * kernel[column, unit]
