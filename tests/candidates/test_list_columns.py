import numpy as np
import pyarrow as pa
import pytest

from candidates.list_columns import flatten_lists


def test_null_and_empty_lists_have_no_values():
    offsets, (texts, numbers) = flatten_lists(
        {"texts": pa.array([["a", "b"], None, [], ["c"]]), "numbers": pa.array([[1, 2], [], None, [3]])}
    )

    assert offsets.tolist() == [0, 2, 2, 2, 3]
    assert offsets.dtype == np.int64
    assert (texts.to_pylist(), numbers.to_pylist()) == (["a", "b", "c"], [1, 2, 3])


def test_values_behind_a_null_do_not_count():
    hidden = pa.ListArray.from_arrays(pa.array([0, 2, 3]), pa.array([7, 8, 9]), mask=pa.array([True, False]))

    offsets, [values] = flatten_lists({"numbers": hidden})

    assert (offsets.tolist(), values.to_pylist()) == ([0, 0, 1], [9])


def test_columns_may_be_chunked_slices():
    chunks = pa.chunked_array([pa.array([["x"], ["b"]]).slice(1), pa.array([["c", "d"]])])

    offsets, [texts] = flatten_lists({"texts": chunks})

    assert (offsets.tolist(), texts.to_pylist()) == ([0, 1, 3], ["b", "c", "d"])
    empty_offsets, [nothing] = flatten_lists({"texts": pa.chunked_array([], pa.list_(pa.string()))})
    assert (empty_offsets.tolist(), len(nothing)) == ([0], 0)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="texts and numbers must be equally long"):
        flatten_lists({"texts": pa.array([["a"], ["b", "c"]]), "numbers": pa.array([[1, 2], [3]])})  # equal totals


def test_lists_of_a_slice_are_those_of_its_rows():
    lists = pa.array([["a"], ["b", "c"], [], ["d"]])[1:]

    offsets, [texts] = flatten_lists({"texts": lists})

    assert (offsets.tolist(), texts.to_pylist()) == ([0, 2, 2, 3], ["b", "c", "d"])
