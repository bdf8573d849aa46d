"""The lists to which features lead, as an answer."""

import numpy as np
import pyarrow as pa
import pytest

from pipelines.leakage.differences import compare


class Given:
    """A tower that has its vectors from the rows: what it is given is what it learned. The second query is turned."""

    def vectors(self, rows):
        return np.stack([rows[name].to_numpy().astype(np.float32) for name in ("x", "y")], axis=1)

    def query_vectors(self, rows):
        vectors = self.vectors(rows)
        return vectors, vectors[:, ::-1]


ITEMS = pa.table({"item_id": ["a", "b", "c"], "x": [1.0, 0.0, 0.5], "y": [0.0, 1.0, 0.5]})
USERS = pa.table({"user_id": ["u", "v"], "x": [1.0, 0.0], "y": [0.1, 1.0]})


@pytest.fixture
def lists():
    from pipelines.leakage.list_answers import list_answers

    return lambda users, k=2: list_answers(Given(), Given(), users, ITEMS, k=k, release="20200923-seed-0a1b2c3d")


def test_the_best_items_of_each_user_come_in_the_order_of_users_and_ranks(lists):
    anything, something_new = lists(USERS)

    assert anything.question == "the 2 best items of each user by query vectors"
    assert anything.rows.to_pylist() == [
        {"user_id": "u", "rank": 1, "item_id": "a"},
        {"user_id": "u", "rank": 2, "item_id": "c"},
        {"user_id": "v", "rank": 1, "item_id": "b"},
        {"user_id": "v", "rank": 2, "item_id": "c"},
    ]
    assert something_new.question == "the 2 best items of each user by new-item query vectors"
    assert something_new.rows["item_id"].to_pylist() == ["b", "c", "a", "c"]
    assert lists(USERS, k=100)[0].question == "the 3 best items of each user by query vectors"


def test_a_user_with_other_features_gets_another_list_which_is_named_by_user_and_rank(lists):
    others = USERS.set_column(1, "x", pa.array([1.0, 1.0]))

    one, other = (
        compare(expected, found).differences for expected, found in zip(lists(USERS), lists(others), strict=True)
    )

    [difference] = one
    assert len(other) == 1
    assert (difference.view, difference.column, difference.count) == ("lists of 20200923-seed-0a1b2c3d", "item_id", 2)
    assert [(row.key, row.expected, row.found) for row in difference.rows] == [
        (("v", 1), "b", "a"),
        (("v", 2), "c", "b"),
    ]
