import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.text_codes import TextCodes


def test_a_text_is_found_by_its_position_in_the_list():
    codes = TextCodes.from_texts(pa.array(["0108775015", "", "é", "a long text of more than sixteen bytes"]))

    wanted = ["a long text of more than sixteen bytes", "é", "e", "", "0108775015", "0108775016", None]

    assert codes.find(pa.array(wanted)).tolist() == [3, 2, -1, 1, 0, -1, -1]
    assert codes.find(pa.array(wanted)).dtype == np.int32
    assert len(codes) == 4


def test_texts_may_be_chunked_slices_and_of_other_types():
    whole = pa.array(["x", "a", "b", "c"])
    codes = TextCodes.from_texts(pa.chunked_array([whole.slice(1, 2), whole.slice(3)]))

    assert codes.texts.to_pylist() == ["a", "b", "c"]
    assert codes.find(pa.chunked_array([pa.array(["b", "x"]).slice(1), pa.array(["c"])])).tolist() == [-1, 2]
    assert codes.find(pa.array(["b", "x", "b"]).dictionary_encode()).tolist() == [1, -1, 1]
    assert codes.find(pa.array(["b"], pa.large_string())).tolist() == [1]


def test_no_texts_have_no_codes():
    assert TextCodes.from_texts(pa.array([], pa.string())).find(pa.array(["a", None])).tolist() == [-1, -1]
    assert TextCodes.from_texts(pa.array(["a"])).find(pa.array([], pa.string())).tolist() == []
    assert TextCodes.from_texts(pa.array([""])).find(pa.array(["", "a"])).tolist() == [0, -1]


def test_repeated_and_missing_texts_are_refused():
    with pytest.raises(ValueError, match="'b' is repeated"):
        TextCodes.from_texts(pa.array(["a", "b", "b"]))
    with pytest.raises(ValueError, match="must not be null"):
        TextCodes.from_texts(pa.array(["a", None]))


TEXTS = st.text(st.sampled_from("ab\0é"), max_size=18)


@given(st.lists(TEXTS, unique=True, max_size=60), st.lists(st.none() | TEXTS, max_size=30))
def test_texts_are_found_as_in_a_dictionary(texts, others):
    codes, expected = (
        TextCodes.from_texts(pa.array(texts, pa.string())),
        {text: code for code, text in enumerate(texts)},
    )

    wanted = [*texts, *others]

    assert codes.find(pa.array(wanted, pa.string())).tolist() == [expected.get(text, -1) for text in wanted]
