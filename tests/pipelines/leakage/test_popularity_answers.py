"""Bestsellers as an answer: the whole list, and counts that stop at the cut."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from pipelines.leakage.popularity_answers import last_week_counts, popularity_answer

ITEMS = pa.array(["a", "b", "c"])
CUT = np.datetime64("2020-02-10T12:00:00", "us")


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


def test_the_list_is_the_whole_catalogue_best_first_equal_counts_by_id():
    answer = popularity_answer("bestsellers", "item_sales_daily", ITEMS, np.array([1, 5, 1]))

    assert answer.rows.to_pylist() == [
        {"rank": 1, "bestseller": "b", "units sold of the bestseller": 5.0},
        {"rank": 2, "bestseller": "a", "units sold of the bestseller": 1.0},
        {"rank": 3, "bestseller": "c", "units sold of the bestseller": 1.0},
    ]
    assert answer.keys == ("rank",)
    assert set(answer.views.values()) == {"item_sales_daily"}


def test_purchases_of_the_seven_days_before_the_cut_count_and_no_others():
    purchases = [
        batch((0, "a", "2020-02-03 11:59:59"), (0, "a", "2020-02-03 12:00:00"), (1, "b", "2020-02-10 11:59:59")),
        batch((1, "c", "2020-02-10 12:00:00"), (2, "not listed", "2020-02-09")),
    ]

    assert last_week_counts(purchases, ITEMS, CUT).tolist() == [1, 1, 0]
