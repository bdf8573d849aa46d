import numpy as np
import pyarrow as pa
import pytest

from models.vocabulary import Vocabulary, pad_lists

COLOURS = Vocabulary(("blue", "red"))


def test_tokens_are_the_distinct_values_ascending_without_missing_ones():
    assert Vocabulary.of([pa.array(["red", None, "blue", "", "red"])]) == COLOURS
    assert Vocabulary.of(pa.array(chunk) for chunk in (["red"], [None, "blue", "red"])) == COLOURS
    assert Vocabulary.of([pa.array([None, ""], pa.string())]) == Vocabulary.of([]) == Vocabulary(())


def test_missing_is_0_unknown_is_1_and_tokens_follow():
    codes = COLOURS.encode(pa.array(["red", None, "", "green", "blue"]))

    assert codes.tolist() == [3, 0, 0, 1, 2]
    assert codes.dtype == np.int32


def test_the_size_counts_every_token_and_the_two_reserved_codes():
    assert COLOURS.size == 4
    assert Vocabulary(()).size == 2


def test_chunked_and_empty_columns_are_encoded():
    assert COLOURS.encode(pa.chunked_array([["red", None], [], ["green"]])).tolist() == [3, 0, 1]
    assert COLOURS.encode(pa.chunked_array([], pa.string())).tolist() == []
    assert Vocabulary(()).encode(pa.array(["red", None])).tolist() == [1, 0]


def test_ids_that_differ_in_leading_zeros_have_different_codes():
    ids = Vocabulary.of([pa.array(["0108", "108"])])

    assert ids.tokens == ("0108", "108")
    assert ids.encode(pa.array(["108", "0108", "00108"])).tolist() == [3, 2, 1]


@pytest.mark.parametrize("chunked", [False, True])
def test_lists_are_padded_at_the_end_or_truncated(chunked):
    lists = pa.array([["red", "blue", "red"], [], None, ["green"], ["blue", ""]], pa.list_(pa.string()))
    column = pa.chunked_array([lists[:2], lists[2:]]) if chunked else lists

    assert COLOURS.encode_lists(column, 2).tolist() == [[3, 2], [0, 0], [0, 0], [1, 0], [2, 0]]
    assert COLOURS.encode_lists(column, 4)[0].tolist() == [3, 2, 3, 0]
    assert COLOURS.encode_lists(column, 2).dtype == np.int32


def test_a_slice_of_lists_is_encoded_by_its_own_rows():
    lists = pa.array([["blue"], ["red", "blue"], ["red"]])

    assert COLOURS.encode_lists(lists.slice(1), 2).tolist() == [[3, 2], [3, 0]]


def test_missing_lists_are_all_padding():
    assert COLOURS.encode_lists(pa.array([None, None], pa.list_(pa.string())), 3).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("chunked", [False, True])
def test_lists_of_numbers_are_padded_at_the_end_or_truncated(chunked):
    lists = pa.array([[1, 2, 3], [], None, [4]], pa.list_(pa.float32()))
    column = pa.chunked_array([lists[:2], lists[2:]]) if chunked else lists

    padded = pad_lists(column, 2, np.float32(0))

    assert padded.tolist() == [[1, 2], [0, 0], [0, 0], [4, 0]]
    assert padded.dtype == np.float32


def test_the_padding_decides_the_type():
    lists = pa.array([[1], None], pa.list_(pa.int64()))

    padded = pad_lists(lists, 2, np.int32(-1))

    assert padded.tolist() == [[1, -1], [-1, -1]]
    assert padded.dtype == np.int32


def test_other_values_can_replace_the_elements_of_the_lists():
    lists = pa.array([["x", "y"], None, ["z"]])

    assert pad_lists(lists, 3, np.int32(0), np.array([7, 8, 9])).tolist() == [[7, 8, 0], [0, 0, 0], [9, 0, 0]]


def test_a_slice_of_lists_of_numbers_is_padded_by_its_own_rows():
    lists = pa.array([[1.0], [2.0, 3.0], [4.0]], pa.list_(pa.float32()))

    assert pad_lists(lists.slice(1), 2, np.float32(0)).tolist() == [[2, 3], [4, 0]]


def test_a_union_has_the_tokens_of_both_ascending():
    assert COLOURS.union(Vocabulary(("green", "red"))) == Vocabulary(("blue", "green", "red"))
    assert COLOURS.union(COLOURS) == COLOURS


def test_codes_map_to_those_of_another_vocabulary_and_tokens_it_lacks_to_unknown():
    # missing, unknown, blue, green, red
    codes = Vocabulary(("blue", "green", "red")).recode(COLOURS)

    assert codes.tolist() == [0, 1, 2, 1, 3]
    assert codes.dtype == np.int32
    assert Vocabulary(()).recode(COLOURS).tolist() == [0, 1]
