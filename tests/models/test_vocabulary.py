import numpy as np
import pyarrow as pa
import pytest

from models.vocabulary import Vocabulary, pad_lists

WORDS = Vocabulary(("blue", "red"))


def test_words_are_distinct_and_ascending_and_missing_ones_are_none():
    assert Vocabulary.of([pa.array(["red", None, "blue", "", "red"])]) == WORDS
    assert Vocabulary.of(pa.array(piece) for piece in (["red"], [None, "blue", "red"])) == WORDS
    assert Vocabulary.of([pa.array([None, ""], pa.string())]) == Vocabulary.of([]) == Vocabulary(())


def test_missing_is_0_unknown_is_1_and_words_follow():
    codes = WORDS.encode(pa.array(["red", None, "", "green", "blue"]))

    assert codes.tolist() == [3, 0, 0, 1, 2]
    assert codes.dtype == np.int32


def test_there_is_a_code_for_every_word_and_the_two_reserved_ones():
    assert WORDS.size == 4
    assert Vocabulary(()).size == 2


def test_a_column_in_chunks_and_one_without_rows_are_coded_alike():
    assert WORDS.encode(pa.chunked_array([["red", None], [], ["green"]])).tolist() == [3, 0, 1]
    assert WORDS.encode(pa.chunked_array([], pa.string())).tolist() == []
    assert Vocabulary(()).encode(pa.array(["red", None])).tolist() == [1, 0]


def test_ids_with_leading_zeros_stay_apart():
    ids = Vocabulary.of([pa.array(["0108", "108"])])

    assert ids.tokens == ("0108", "108")
    assert ids.encode(pa.array(["108", "0108", "00108"])).tolist() == [3, 2, 1]


@pytest.mark.parametrize("chunked", [False, True])
def test_lists_are_padded_at_the_end_and_cut_to_their_first_words(chunked):
    lists = pa.array([["red", "blue", "red"], [], None, ["green"], ["blue", ""]], pa.list_(pa.string()))
    column = pa.chunked_array([lists[:2], lists[2:]]) if chunked else lists

    assert WORDS.encode_lists(column, 2).tolist() == [[3, 2], [0, 0], [0, 0], [1, 0], [2, 0]]
    assert WORDS.encode_lists(column, 4)[0].tolist() == [3, 2, 3, 0]
    assert WORDS.encode_lists(column, 2).dtype == np.int32


def test_a_slice_of_lists_is_coded_by_its_own_rows():
    lists = pa.array([["blue"], ["red", "blue"], ["red"]])

    assert WORDS.encode_lists(lists.slice(1), 2).tolist() == [[3, 2], [3, 0]]


def test_lists_of_which_all_are_missing_are_all_padding():
    assert WORDS.encode_lists(pa.array([None, None], pa.list_(pa.string())), 3).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("chunked", [False, True])
def test_numbers_are_padded_at_the_end_and_cut_to_their_first(chunked):
    lists = pa.array([[1, 2, 3], [], None, [4]], pa.list_(pa.float32()))
    column = pa.chunked_array([lists[:2], lists[2:]]) if chunked else lists

    found = pad_lists(column, 2, np.float32(0))

    assert found.tolist() == [[1, 2], [0, 0], [0, 0], [4, 0]]
    assert found.dtype == np.float32


def test_whatever_is_taken_for_padding_decides_the_type():
    lists = pa.array([[1], None], pa.list_(pa.int64()))

    found = pad_lists(lists, 2, np.int32(-1))

    assert found.tolist() == [[1, -1], [-1, -1]]
    assert found.dtype == np.int32


def test_other_values_may_take_the_place_of_the_lists_own():
    lists = pa.array([["x", "y"], None, ["z"]])

    assert pad_lists(lists, 3, np.int32(0), np.array([7, 8, 9])).tolist() == [[7, 8, 0], [0, 0, 0], [9, 0, 0]]


def test_a_slice_of_lists_of_numbers_is_padded_by_its_own_rows():
    lists = pa.array([[1.0], [2.0, 3.0], [4.0]], pa.list_(pa.float32()))

    assert pad_lists(lists.slice(1), 2, np.float32(0)).tolist() == [[2, 3], [4, 0]]


def test_joined_words_are_those_of_both_ascending():
    assert WORDS.union(Vocabulary(("green", "red"))) == Vocabulary(("blue", "green", "red"))
    assert WORDS.union(WORDS) == WORDS


def test_every_code_has_one_in_another_vocabulary_and_words_it_lacks_are_unknown_there():
    # missing, unknown, blue, green, red
    codes = Vocabulary(("blue", "green", "red")).recode(WORDS)

    assert codes.tolist() == [0, 1, 2, 1, 3]
    assert codes.dtype == np.int32
    assert Vocabulary(()).recode(WORDS).tolist() == [0, 1]
