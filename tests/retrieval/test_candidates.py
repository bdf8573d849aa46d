import numpy as np
import pyarrow as pa
import pytest

from retrieval.candidates import CANDIDATES, POPULARITY, TWO_TOWER, candidates, choose_by_history

ITEM_IDS = np.array(["a", "b", "c"])


def ranked(positions, scores):
    return np.array(positions, np.int32), np.array(scores, np.float32)


def test_each_place_becomes_a_row_and_padding_none():
    positions, scores = ranked([[2, 0], [1, -1], [-1, -1]], [[3.5, 1.0], [0.5, -np.inf], [-np.inf, -np.inf]])

    table = candidates(
        np.array(["u2", "u1", "u3"]), positions, scores, ITEM_IDS, np.array([TWO_TOWER, POPULARITY, POPULARITY])
    )

    assert table.to_pylist() == [
        {"user_id": "u2", "item_id": "c", "rank": 1, "score": 3.5, "source": "two_tower"},
        {"user_id": "u2", "item_id": "a", "rank": 2, "score": 1.0, "source": "two_tower"},
        {"user_id": "u1", "item_id": "b", "rank": 1, "score": 0.5, "source": "popularity"},
    ]


def test_the_columns_are_those_the_schema_names_even_without_rows():
    table = candidates(np.array([], np.str_), *ranked(np.empty((0, 2)), np.empty((0, 2))), ITEM_IDS, np.array([], "U"))

    assert table.column_names == ["user_id", "item_id", "rank", "score", "source"]
    assert table.schema.equals(CANDIDATES)
    assert [field.type for field in table.schema] == [pa.string(), pa.string(), pa.int32(), pa.float32(), pa.string()]
    assert table.num_rows == 0


def test_users_with_history_get_the_two_tower_list_in_the_order_of_the_users():
    has_history = np.array([False, True, False, True])

    positions, scores, sources = choose_by_history(
        has_history,
        ranked([[1, 2], [3, 4]], [[0.9, 0.8], [0.7, 0.6]]),
        ranked([[5, 6], [5, 7]], [[9, 8], [9, 7]]),
    )

    assert positions.tolist() == [[5, 6], [1, 2], [5, 7], [3, 4]]
    assert scores.tolist() == np.array([[9, 8], [0.9, 0.8], [9, 7], [0.7, 0.6]], np.float32).tolist()
    assert sources.tolist() == ["popularity", "two_tower", "popularity", "two_tower"]


def test_a_source_must_hold_one_list_for_each_of_its_users():
    one, none = ranked([[1]], [[1]]), ranked(np.empty((0, 1)), np.empty((0, 1)))

    with pytest.raises(ValueError, match="1 users with history and 1 without"):
        choose_by_history(np.array([True, False]), one, none)


def test_both_sources_must_give_lists_of_one_width():
    with pytest.raises(ValueError, match="not 1 and 2"):
        choose_by_history(np.array([True, False]), ranked([[1]], [[1]]), ranked([[1, 2]], [[2, 1]]))


@pytest.mark.parametrize(
    ("user_ids", "positions", "sources", "message"),
    [
        (["u", "u"], [[0], [1]], [TWO_TOWER] * 2, "unique"),
        (["u"], [[3]], [TWO_TOWER], "below 3"),
        (["u"], [[-1, 0]], [TWO_TOWER], "only at the end"),
        (["u"], [[0]], [TWO_TOWER] * 2, "not 2"),
        (["u", "v"], [[0]], [TWO_TOWER] * 2, "2 user ids"),
    ],
)
def test_lists_that_do_not_fit_are_refused(user_ids, positions, sources, message):
    with pytest.raises(ValueError, match=message):
        candidates(np.array(user_ids), *ranked(positions, positions), ITEM_IDS, np.array(sources))
