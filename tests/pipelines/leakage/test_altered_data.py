"""Altered raw data: purchases before a moment stay, those from it on are deleted or permuted."""

from collections import Counter
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from pipelines.leakage.altered_data import AlteredData

CUSTOMERS = ["c1", "c2", "c3", "c4"]
ARTICLES = ["a1", "a2", "a3"]
# 40 days with four purchases each, c1 and c2 two of them as one basket, then a gap of two days, then one more day.
DAYS = [f"2020-01-{day:02d}" for day in range(1, 32)] + [f"2020-02-{day:02d}" for day in range(1, 10)]
PURCHASES = [
    (f"{day} {hour}:00:00", customer, ARTICLES[(number + position) % 3], 0.1 * (position + 1), "1")
    for number, day in enumerate(DAYS)
    for position, (hour, customer) in enumerate([("09", "c1"), ("09", "c1"), ("10", "c2"), ("18", "c3")])
]
LAST = [("2020-02-12 10:00:00", "c4", "a1", 0.5, "1")]
MOMENT = datetime(2020, 1, 20, 10, tzinfo=UTC)
AVAILABILITY = [
    ("a1", "2020-01-01", 0),
    ("a2", "2020-01-20 10:00:00", 0),
    ("a3", "2020-01-20 23:59:59.999999", 0),
    ("a2", "2020-01-21", 1),
    ("a1", "2031-01-01", 1),
]


@pytest.fixture
def load(tmp_path):
    """Write raw tables with these purchases and availability rows, and load them."""

    def load(purchases, availability=()):
        raw, folder = tmp_path / "raw", tmp_path / "database"
        for path in (raw, folder):
            path.mkdir()
        tables = {
            "customers": ["customer_id", *CUSTOMERS],
            "articles": ["article_id,garment_group_name,index_group_name", *(f"{item},g,i" for item in ARTICLES)],
            "transactions_train": [
                "t_dat,customer_id,article_id,price,sales_channel_id",
                *(",".join(map(str, row)) for row in purchases),
            ],
        }
        if availability:
            tables["availability"] = ["article_id,since,for_sale", *(",".join(map(str, row)) for row in availability)]
        for name, lines in tables.items():
            (raw / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return AlteredData.load(raw, folder, memory_limit="1GB")

    return load


def purchases_of(altered, table="purchases"):
    sql = f"select purchased_at, user_id, item_id, round(price, 3), sales_channel_id from {table} order by all"
    return altered.connection.execute(sql).fetchall()


@pytest.fixture
def write(tmp_path):
    def write(altered, alteration, moment=MOMENT, seed=1):
        folder = tmp_path / f"{alteration}-{seed}"
        folder.mkdir()
        count = altered.write_altered(alteration, moment, folder, seed=seed, progress=lambda *_: lambda _: None)
        return count, {path.stem: pq.read_table(path) for path in folder.iterdir()}

    return write


def test_drawn_moments_are_distinct_and_from_the_middle_of_the_data(load):
    with load(PURCHASES + LAST) as altered:
        moments = altered.draw_moments(1_000, seed=1)
        three = altered.draw_moments(3, seed=1)
        others = altered.draw_moments(3, seed=2)

    bought = {datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in PURCHASES}
    assert moments == sorted(set(moments))
    assert set(moments) <= bought
    assert 85 < len(moments) < 95  # three quarters of 121 moments
    assert datetime(2020, 1, 8, tzinfo=UTC) < moments[0] < moments[-1] < datetime(2020, 2, 9, tzinfo=UTC)
    assert len(three) == 3
    assert set(three) <= set(moments)
    assert three != others


def test_the_first_purchase_after_a_gap_is_not_drawn(load):
    every_other_day = [row for row in PURCHASES if int(row[0][8:10]) % 2]

    with load(every_other_day) as altered:
        moments = altered.draw_moments(1_000, seed=1)

    # Only 31 January and 1 February are successive days; on all others the first purchase has none the day before.
    assert {moment.hour for moment in moments if (moment.month, moment.day) != (2, 1)} == {10, 18}
    assert datetime(2020, 2, 1, 9, tzinfo=UTC) in moments


def test_data_without_a_suitable_moment_are_refused(load):
    with load([PURCHASES[0], PURCHASES[40]]) as altered, pytest.raises(InputError, match="No moment"):
        altered.draw_moments(1, seed=1)


def test_purchases_at_and_after_the_moment_are_deleted(load, write):
    with load(PURCHASES + LAST) as altered:
        count, tables = write(altered, "deleted")
        left, original = purchases_of(altered), purchases_of(altered, "all_purchases")

    assert left == [row for row in original if row[0] < MOMENT]
    assert count == len(original) - len(left) == 20 * 4 + 2 + 1
    assert max(tables["transactions"]["purchased_at"].to_pylist()) == datetime(2020, 1, 20, 9, tzinfo=UTC)
    assert tables["user_profile"].num_rows == 4
    assert tables["item_catalog"].num_rows == 3


def test_permuted_purchases_keep_moments_baskets_items_and_prices_but_not_their_combinations(load, write):
    with load(PURCHASES + LAST) as altered:
        count, _ = write(altered, "permuted")
        permuted, original = purchases_of(altered), purchases_of(altered, "all_purchases")

    def later(rows):
        return [row for row in rows if row[0] >= MOMENT]

    assert [row for row in permuted if row[0] < MOMENT] == [row for row in original if row[0] < MOMENT]
    assert count == len(later(permuted)) == len(later(original)) == 83
    assert later(permuted) != later(original)
    for column in (0, 2, 3):
        assert Counter(row[column] for row in later(permuted)) == Counter(row[column] for row in later(original))
    assert {len({row[1] for row in later(permuted) if row[0] == moment}) for moment, *_ in later(permuted)} == {1}
    baskets = [{(row[0], row[1]) for row in later(rows)} for rows in (permuted, original)]
    assert Counter(user for _, user in baskets[0]) == Counter(user for _, user in baskets[1])


@pytest.mark.parametrize("alteration", ["deleted", "permuted"])
def test_availability_of_later_days_is_deleted_and_that_of_the_moments_own_day_stays(load, write, alteration):
    with load(PURCHASES + LAST, AVAILABILITY) as altered:
        _, tables = write(altered, alteration)
        _, later = write(altered, alteration, moment=datetime(2020, 1, 31, tzinfo=UTC), seed=2)

    def availability(found):
        rows = found["item_availability"].select(["item_id", "event_timestamp", "for_sale"]).to_pylist()
        return [(row["item_id"], row["event_timestamp"], row["for_sale"]) for row in rows]

    kept = [(item, datetime.fromisoformat(since).replace(tzinfo=UTC), flag) for item, since, flag in AVAILABILITY]
    assert availability(tables) == kept[:3]
    assert availability(later) == kept[:4]  # a later alteration begins with all rows again


def test_a_permutation_depends_on_its_seed_only(load, write, tmp_path):
    with load(PURCHASES + LAST) as altered:
        _, first = write(altered, "permuted", seed=1)
        _, other = write(altered, "permuted", seed=2)
        (tmp_path / "permuted-1").rename(tmp_path / "done")
        _, again = write(altered, "permuted", seed=1)

    assert first["transactions"].equals(again["transactions"])
    assert not first["transactions"].equals(other["transactions"])
