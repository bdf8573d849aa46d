"""A digest of rows depends on the rows and their order, not on how they are split into batches."""

import struct
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.store.row_digest import RowDigest, has_digest

TYPE = pa.list_(pa.string())
LISTS = st.lists(st.none() | st.lists(st.none() | st.sampled_from(["", "a", "ab", "b"]), max_size=3), max_size=6)


def digest(*columns_of_batches, kind=TYPE):
    digest = RowDigest()
    for values in columns_of_batches:
        column = values if isinstance(values, pa.Array) else pa.array(values, kind)
        digest.add(pa.record_batch([column], ["column"]))
    return digest.hexdigest()


@given(LISTS, st.integers(0, 6))
def test_batches_and_slices_do_not_matter(rows, cut):
    whole = pa.array([["first"], *rows], TYPE)

    assert (
        digest(rows[:cut], rows[cut:]) == digest(rows) == digest(whole[1:]) == digest(whole[1:][:cut], whole[1:][cut:])
    )


@given(LISTS, LISTS)
def test_other_rows_have_another_digest(one, other):
    assert (digest(one) == digest(other)) == (one == other)


SIMILAR = {
    TYPE: [
        [],
        [None],
        [[]],
        [[None]],
        [[""]],
        [["ab"]],
        [["a", "b"]],
        [["a"], ["b"]],
        [["b"], ["a"]],
        [["a", ""], ["b"]],
    ],
    pa.float64(): [[], [None], [0.0], [-0.0], [float("nan")], [0.0, None], [None, 0.0]],
    pa.bool_(): [[True, False], [False, True], [None, True], [True, None]],
    pa.timestamp("us", "UTC"): [[0], [1], [None], [0, 1]],
}


@pytest.mark.parametrize("kind", SIMILAR, ids=str)
def test_similar_rows_are_distinguished(kind):
    for one, other in combinations(SIMILAR[kind], 2):
        assert digest(one, kind=kind) != digest(other, kind=kind)


def test_nan_equals_itself_bit_by_bit():
    payloads = (b"\0\0\0\0\0\0\xf8\x7f", b"\1\0\0\0\0\0\xf8\x7f")
    quiet, other = (pa.array(struct.unpack("<d", payload)) for payload in payloads)

    assert digest(quiet) == digest(quiet) != digest(other)


def test_bytes_of_nulls_do_not_matter():
    validity, one, other = pa.py_buffer(b"\2"), pa.py_buffer(b"\1\0\5\0"), pa.py_buffer(b"\7\0\5\0")
    arrays = [pa.Array.from_buffers(pa.int16(), 2, [validity, values]) for values in (one, other)]

    assert digest(arrays[0]) == digest(arrays[1])


def test_texts_with_codes_are_as_texts():
    assert digest(pa.array(["a", None, "b"]).dictionary_encode()) == digest(["a", None, "b"], kind=pa.string())


def test_types_without_a_digest_are_known():
    assert not has_digest(pa.struct({"a": pa.int64()}))
    assert not has_digest(pa.list_(pa.null()))
    assert has_digest(pa.list_(pa.list_(pa.decimal128(18, 9))))
