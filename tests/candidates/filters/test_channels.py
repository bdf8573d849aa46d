import numpy as np
import pyarrow as pa
import pytest

from candidates.filters.channels import Channels


def test_an_item_is_in_the_channels_it_names_and_one_that_names_none_in_all():
    channels = Channels.from_lists(pa.array([["1"], ["1", "2"], None, [], ["2"]], pa.list_(pa.string())))

    assert channels.allow("1").tolist() == [True, True, True, True, False]
    assert channels.allow("2").tolist() == [False, True, True, True, True]
    assert sorted(channels.named) == ["1", "2"]
    assert len(channels) == 5


def test_a_channel_that_no_item_names_holds_the_silent_ones():
    channels = Channels.from_lists(pa.array([["1"], None]))

    assert channels.allow("3").tolist() == [False, True]


def test_lists_may_come_in_chunks_as_slices_and_name_a_channel_twice():
    lists = pa.chunked_array([pa.array([["9"], ["1", "1"]]).slice(1), pa.array([["2"], None], pa.list_(pa.string()))])

    channels = Channels.from_lists(lists)

    assert channels.silent.tolist() == [False, False, True]
    assert {name: items.tolist() for name, items in channels.named.items()} == {
        "1": [True, False, False],
        "2": [False, True, False],
    }


def test_if_nobody_says_anything_everything_is_everywhere():
    assert Channels.from_lists(pa.array([None, None], pa.list_(pa.string()))).allow("1").tolist() == [True, True]


def test_channels_of_the_wrong_form_are_refused():
    with pytest.raises(ValueError, match=r"\(2,\) bool each, not \(1,\) bool"):
        Channels(np.array([False, False]), {"1": np.array([True])})
    with pytest.raises(ValueError, match="bool each, not"):
        Channels(np.array([0, 1]), {})
    with pytest.raises(ValueError, match="silent"):
        Channels(np.array([True]), {"1": np.array([True])})
