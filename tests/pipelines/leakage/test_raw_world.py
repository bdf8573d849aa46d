"""Another future: what was bought before a moment stays, what was bought from it on is deleted or dealt out anew."""

from collections import Counter
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from pipelines.leakage.raw_world import RawWorld

CUSTOMERS = ["c1", "c2", "c3", "c4"]
ARTICLES = ["a1", "a2", "a3"]
# 40 days with four purchases each, c1 and c2 two of them as one basket, then a gap of two days, then one more day.
DAYS = [f"2020-01-{day:02d}" for day in range(1, 32)] + [f"2020-02-{day:02d}" for day in range(1, 10)]
PURCHASES = [
    (f"{day} {hour}:00:00", customer, ARTICLES[(number + place) % 3], 0.1 * (place + 1), "1")
    for number, day in enumerate(DAYS)
    for place, (hour, customer) in enumerate([("09", "c1"), ("09", "c1"), ("10", "c2"), ("18", "c3")])
]
LAST = [("2020-02-12 10:00:00", "c4", "a1", 0.5, "1")]
MOMENT = datetime(2020, 1, 20, 10, tzinfo=UTC)
PLANS = [
    ("a1", "2020-01-01", 0),
    ("a2", "2020-01-20 10:00:00", 0),
    ("a3", "2020-01-20 23:59:59.999999", 0),
    ("a2", "2020-01-21", 1),
    ("a1", "2031-01-01", 1),
]


@pytest.fixture
def loaded(tmp_path):
    """Load purchases into a world; `folder` is where its files lie."""

    def loaded(purchases, plans=()):
        raw, folder = tmp_path / "raw", tmp_path / "world"
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
        if plans:
            tables["availability"] = ["article_id,since,for_sale", *(",".join(map(str, row)) for row in plans)]
        for name, lines in tables.items():
            (raw / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return RawWorld.loaded(raw, folder, memory_limit="1GB")

    return loaded


def purchases_of(world, table="purchases"):
    sql = f"select purchased_at, user_id, item_id, round(price, 3), sales_channel_id from {table} order by all"
    return world.connection.execute(sql).fetchall()


@pytest.fixture
def write(tmp_path):
    def write(world, alteration, moment=MOMENT, seed=1):
        folder = tmp_path / f"{alteration}-{seed}"
        folder.mkdir()
        count = world.write_altered(alteration, moment, folder, seed=seed, progress=lambda *_: lambda _: None)
        return count, {path.stem: pq.read_table(path) for path in folder.iterdir()}

    return write


def test_the_drawn_moments_are_purchases_of_the_middle_each_once_in_order(loaded):
    with loaded(PURCHASES + LAST) as world:
        moments = world.moments(1_000, seed=1)
        three = world.moments(3, seed=1)
        others = world.moments(3, seed=2)

    bought = {datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in PURCHASES}
    assert moments == sorted(set(moments))
    assert set(moments) <= bought
    assert 85 < len(moments) < 95  # three quarters of 121 moments
    assert datetime(2020, 1, 8, tzinfo=UTC) < moments[0] < moments[-1] < datetime(2020, 2, 9, tzinfo=UTC)
    assert len(three) == 3
    assert set(three) <= set(moments)
    assert three != others


def test_a_day_after_a_gap_is_not_drawn_because_nobody_wrote_the_windows_of_the_days_before(loaded):
    every_other_day = [row for row in PURCHASES if int(row[0][8:10]) % 2]

    with loaded(every_other_day) as world:
        moments = world.moments(1_000, seed=1)

    # Only 31 January and 1 February follow each other; on all other days the first purchase has none before it.
    assert {moment.hour for moment in moments if (moment.month, moment.day) != (2, 1)} == {10, 18}
    assert datetime(2020, 2, 1, 9, tzinfo=UTC) in moments


def test_without_a_moment_to_look_from_the_reader_is_told(loaded):
    with loaded([PURCHASES[0], PURCHASES[40]]) as world, pytest.raises(InputError, match="No moment to look from"):
        world.moments(1, seed=1)


def test_deleted_purchases_are_gone_from_the_moment_on_itself_included(loaded, write):
    with loaded(PURCHASES + LAST) as world:
        count, tables = write(world, "deleted")
        left, everything = purchases_of(world), purchases_of(world, "all_purchases")

    assert left == [row for row in everything if row[0] < MOMENT]
    assert count == len(everything) - len(left) == 20 * 4 + 2 + 1
    assert max(tables["transactions"]["purchased_at"].to_pylist()) == datetime(2020, 1, 20, 9, tzinfo=UTC)
    assert tables["user_profile"].num_rows == 4
    assert tables["item_catalog"].num_rows == 3


def test_permuted_purchases_keep_their_moments_baskets_items_and_prices_but_not_together(loaded, write):
    with loaded(PURCHASES + LAST) as world:
        count, _ = write(world, "permuted")
        permuted, everything = purchases_of(world), purchases_of(world, "all_purchases")

    def later(rows):
        return [row for row in rows if row[0] >= MOMENT]

    assert [row for row in permuted if row[0] < MOMENT] == [row for row in everything if row[0] < MOMENT]
    assert count == len(later(permuted)) == len(later(everything)) == 83
    assert later(permuted) != later(everything)
    for column in (0, 2, 3):
        assert Counter(row[column] for row in later(permuted)) == Counter(row[column] for row in later(everything))
    assert {len({row[1] for row in later(permuted) if row[0] == moment}) for moment, *_ in later(permuted)} == {1}
    baskets = [{(row[0], row[1]) for row in later(rows)} for rows in (permuted, everything)]
    assert Counter(user for _, user in baskets[0]) == Counter(user for _, user in baskets[1])


@pytest.mark.parametrize("alteration", ["deleted", "permuted"])
def test_plans_for_later_days_are_gone_and_those_for_the_moments_own_day_stay(loaded, write, alteration):
    with loaded(PURCHASES + LAST, PLANS) as world:
        _, tables = write(world, alteration)
        _, later = write(world, alteration, moment=datetime(2020, 1, 31, tzinfo=UTC), seed=2)

    def plans(found):
        rows = found["item_availability"].select(["item_id", "event_timestamp", "for_sale"]).to_pylist()
        return [(row["item_id"], row["event_timestamp"], row["for_sale"]) for row in rows]

    kept = [(item, datetime.fromisoformat(since).replace(tzinfo=UTC), flag) for item, since, flag in PLANS]
    assert plans(tables) == kept[:3]
    assert plans(later) == kept[:4]  # from one moment to the next nothing is lost for good


def test_a_permutation_is_decided_by_its_seed(loaded, write, tmp_path):
    with loaded(PURCHASES + LAST) as world:
        _, first = write(world, "permuted", seed=1)
        _, other = write(world, "permuted", seed=2)
        (tmp_path / "permuted-1").rename(tmp_path / "done")
        _, again = write(world, "permuted", seed=1)

    assert first["transactions"].equals(again["transactions"])
    assert not first["transactions"].equals(other["transactions"])
