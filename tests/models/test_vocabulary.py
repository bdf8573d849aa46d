import numpy as np
import pyarrow as pa
import pytest

from models.vocabulary import Vocabulary

WORDS = Vocabulary(("blue", "red"))


def test_words_are_distinct_and_ascending_and_missing_ones_are_none():
    assert Vocabulary.of([pa.array(["red", None, "blue", "", "red"])]) == WORDS
    assert Vocabulary.of(pa.array(piece) for piece in (["red"], [None, "blue", "red"])) == WORDS
    assert Vocabulary.of([pa.array([None, ""], pa.string())]) == Vocabulary.of([]) == Vocabulary(())


def test_missing_is_0_unknown_is_1_and_words_follow():
    codes = WORDS.codes(pa.array(["red", None, "", "green", "blue"]))

    assert codes.tolist() == [3, 0, 0, 1, 2]
    assert codes.dtype == np.int32


def test_there_is_a_code_for_every_word_and_the_two_reserved_ones():
    assert WORDS.size == 4
    assert Vocabulary(()).size == 2


def test_a_column_in_chunks_and_one_without_rows_are_coded_alike():
    assert WORDS.codes(pa.chunked_array([["red", None], [], ["green"]])).tolist() == [3, 0, 1]
    assert WORDS.codes(pa.chunked_array([], pa.string())).tolist() == []
    assert Vocabulary(()).codes(pa.array(["red", None])).tolist() == [1, 0]


def test_ids_with_leading_zeros_stay_apart():
    ids = Vocabulary.of([pa.array(["0108", "108"])])

    assert ids.words == ("0108", "108")
    assert ids.codes(pa.array(["108", "0108", "00108"])).tolist() == [3, 2, 1]


@pytest.mark.parametrize("chunked", [False, True])
def test_lists_are_padded_at_the_end_and_cut_to_their_first_words(chunked):
    lists = pa.array([["red", "blue", "red"], [], None, ["green"], ["blue", ""]], pa.list_(pa.string()))
    column = pa.chunked_array([lists[:2], lists[2:]]) if chunked else lists

    assert WORDS.list_codes(column, 2).tolist() == [[3, 2], [0, 0], [0, 0], [1, 0], [2, 0]]
    assert WORDS.list_codes(column, 4)[0].tolist() == [3, 2, 3, 0]
    assert WORDS.list_codes(column, 2).dtype == np.int32


def test_a_slice_of_lists_is_coded_by_its_own_rows():
    lists = pa.array([["blue"], ["red", "blue"], ["red"]])

    assert WORDS.list_codes(lists.slice(1), 2).tolist() == [[3, 2], [3, 0]]


def test_lists_of_which_all_are_missing_are_all_padding():
    assert WORDS.list_codes(pa.array([None, None], pa.list_(pa.string())), 3).tolist() == [[0, 0, 0], [0, 0, 0]]
