import numpy as np
import pytest

from retrieval.filters import excluded_items

ITEM_IDS = np.array(["a", "b", "c"])


def test_dropping_excludes_what_each_user_bought():
    bought = [np.array(["c", "a", "c"]), np.array([], np.str_), np.array(["b"])]

    excluded = excluded_items(bought, ITEM_IDS, "drop")

    assert excluded.offsets.tolist() == [0, 2, 2, 3]
    assert excluded.positions.tolist() == [0, 2, 1]


def test_ids_that_the_index_does_not_hold_are_passed_over():
    excluded = excluded_items([np.array(["zz", "b", "B", "0"])], ITEM_IDS, "drop")

    assert excluded.positions.tolist() == [1]


def test_arrays_of_objects_are_read_like_arrays_of_strings():
    bought = [np.array(["b", "c"], object), np.array([], object)]

    assert excluded_items(bought, ITEM_IDS, "drop").positions.tolist() == [1, 2]


def test_keeping_excludes_nothing_from_anybody():
    excluded = excluded_items([np.array(["a"]), np.array(["b"])], ITEM_IDS, "keep")

    assert excluded.counts.tolist() == [0, 0]


def test_no_users_need_no_exclusions():
    assert len(excluded_items([], ITEM_IDS, "drop")) == 0


def test_users_without_any_history_have_nothing_to_exclude():
    assert excluded_items([np.array([], object)], ITEM_IDS, "drop").counts.tolist() == [0]


def test_an_unknown_policy_is_refused_by_name():
    with pytest.raises(ValueError, match="not 'hide'"):
        excluded_items([np.array(["a"])], ITEM_IDS, "hide")
