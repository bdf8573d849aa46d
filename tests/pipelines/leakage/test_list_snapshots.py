"""Ranked lists as snapshots: bestsellers with counts that stop at the cut, and lists retrieved by two towers."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from pipelines.leakage.comparison import compare

ITEM_IDS = pa.array(["a", "b", "c"])
CUT = np.datetime64("2020-02-10T12:00:00", "us")
ITEMS = pa.table({"item_id": ["a", "b", "c"], "x": [1.0, 0.0, 0.5], "y": [0.0, 1.0, 0.5]})
USERS = pa.table({"user_id": ["u", "v"], "x": [1.0, 0.0], "y": [0.1, 1.0]})


def batch(*purchases):
    users, items, days = zip(*purchases, strict=True)
    moments = [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days]
    return pa.record_batch(
        {
            "user_code": pa.array(users, pa.int32()),
            "item_id": pa.array(items),
            "event_timestamp": pa.array(moments, pa.timestamp("us", tz="UTC")),
        }
    )


class IdentityTowers:
    """Return two columns of their rows as vectors; the vector for new items has them swapped."""

    def item_vectors(self, rows):
        return np.stack([rows[name].to_numpy().astype(np.float32) for name in ("x", "y")], axis=1)

    def query_vectors(self, rows):
        vectors = self.item_vectors(rows)
        return vectors, vectors[:, ::-1]


@pytest.fixture
def lists():
    from pipelines.leakage.list_snapshots import retrieved_list_snapshots

    towers, release = IdentityTowers(), "20200923-seed-0a1b2c3d"
    return lambda users, k=2: retrieved_list_snapshots(towers, users, ITEMS, k=k, release=release)


def test_bestsellers_are_all_items_best_first_and_equal_counts_by_id():
    from pipelines.leakage.list_snapshots import bestseller_snapshot

    snapshot = bestseller_snapshot("bestsellers", "item_sales_daily", ITEM_IDS, np.array([1, 5, 1]))

    assert snapshot.rows.to_pylist() == [
        {"rank": 1, "bestseller": "b", "units sold of the bestseller": 5.0},
        {"rank": 2, "bestseller": "a", "units sold of the bestseller": 1.0},
        {"rank": 3, "bestseller": "c", "units sold of the bestseller": 1.0},
    ]
    assert snapshot.keys == ("rank",)
    assert set(snapshot.views.values()) == {"item_sales_daily"}


def test_purchases_of_the_seven_days_before_the_cut_are_counted():
    from pipelines.leakage.list_snapshots import last_week_counts

    purchases = [
        batch((0, "a", "2020-02-03 11:59:59"), (0, "a", "2020-02-03 12:00:00"), (1, "b", "2020-02-10 11:59:59")),
        batch((1, "c", "2020-02-10 12:00:00"), (2, "not in the catalogue", "2020-02-09")),
    ]

    assert last_week_counts(purchases, ITEM_IDS, CUT).tolist() == [1, 1, 0]


def test_retrieved_lists_are_in_the_order_of_users_and_ranks(lists):
    query, new_item_query = lists(USERS)

    assert query.rows.to_pylist() == [
        {"user_id": "u", "rank": 1, "item_id": "a"},
        {"user_id": "u", "rank": 2, "item_id": "c"},
        {"user_id": "v", "rank": 1, "item_id": "b"},
        {"user_id": "v", "rank": 2, "item_id": "c"},
    ]
    assert new_item_query.rows["item_id"].to_pylist() == ["b", "c", "a", "c"]
    assert lists(USERS, k=100)[0].rows.num_rows == 2 * 3  # the whole catalogue


def test_a_list_from_other_features_is_reported_by_user_and_rank(lists):
    other_users = USERS.set_column(1, "x", pa.array([1.0, 1.0]))

    query, new_item_query = (
        compare(expected, found).differences for expected, found in zip(lists(USERS), lists(other_users), strict=True)
    )

    [difference] = query
    assert len(new_item_query) == 1
    assert (difference.view, difference.column, difference.count) == ("lists of 20200923-seed-0a1b2c3d", "item_id", 2)
    assert [(row.key, row.expected, row.found) for row in difference.rows] == [
        (("v", 1), "b", "a"),
        (("v", 2), "c", "b"),
    ]
