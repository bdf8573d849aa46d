"""The checkerboard data has a known optimum, and there is nothing to learn from its noise twin."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import pytest

from features.raw.raw_tables import load_raw_tables
from features.raw.toy_data import group_of_item, group_of_user, item_id, user_id, write_toy_data

LAST_WEEK = "2020-02-23"  # the sixty days end on 2020-02-29
CHANCE = 6 / 60


def rows_of(path: Path):
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


class ToyData:
    def __init__(self, folder):
        self.folder = folder
        self.customers = rows_of(folder / "customers.csv")
        self.articles = rows_of(folder / "articles.csv")
        self.sales = rows_of(folder / "transactions_train.csv")
        self.items = [row["article_id"] for row in self.articles]
        self.before, self.relevant = defaultdict(set), defaultdict(set)
        for row in self.sales:
            bought = self.before if row["t_dat"] < LAST_WEEK else self.relevant
            bought[row["customer_id"]].add(row["article_id"])

    def recall_at_6(self, ranked_for):
        shares = [len(set(ranked_for(user)[:6]) & items) / len(items) for user, items in self.relevant.items()]
        return sum(shares) / len(shares)

    def oracle(self, user):
        own = [item for item in self.items if group_of_item(item) == group_of_user(user)]
        return [item for item in own if item not in self.before[user]]

    def popularity(self, _user):
        sold = Counter(row["article_id"] for row in self.sales if row["t_dat"] < LAST_WEEK)
        return sorted(self.items, key=lambda item: (-sold[item], item))


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    write_toy_data(folder / "checkerboard", seed=7)
    write_toy_data(folder / "noise", seed=7, noise=True)
    return ToyData(folder / "checkerboard"), ToyData(folder / "noise")


@pytest.fixture(scope="module")
def checkerboard(data_sets):
    return data_sets[0]


@pytest.fixture(scope="module")
def noise(data_sets):
    return data_sets[1]


def test_ids_have_leading_zeros_and_determine_the_group():
    assert [user_id(0), user_id(199), item_id(0), item_id(59)] == ["0001", "0200", "0108775001", "0108775060"]
    assert [group_of_user(user) for user in ("0001", "0002", "0005")] == ["Hats", "Shirts", "Hats"]
    assert [group_of_item(item) for item in ("0108775001", "0108775004")] == ["Hats", "Trousers"]


def test_an_items_group_is_its_garment_group(checkerboard):
    assert len(checkerboard.articles) == 60
    assert all(row["garment_group_name"] == group_of_item(row["article_id"]) for row in checkerboard.articles)


def test_users_buy_only_in_their_own_group(checkerboard):
    assert all(group_of_user(row["customer_id"]) == group_of_item(row["article_id"]) for row in checkerboard.sales)


def test_purchases_of_the_last_week_are_new_to_the_user(checkerboard):
    assert len(checkerboard.relevant) == 199
    assert {len(items) for items in checkerboard.relevant.values()} == {3}
    assert all(not checkerboard.relevant[user] & checkerboard.before[user] for user in checkerboard.relevant)


def test_no_user_buys_all_items_of_the_group(checkerboard):
    for user, items in checkerboard.relevant.items():
        assert len(checkerboard.before[user] | items) in {12, 13}  # of 14 or 15 that are sold


def test_every_user_buys_several_items_in_every_week(checkerboard):
    weeks = Counter(
        (row["customer_id"], (int(row["t_dat"][5:7]) * 31 + int(row["t_dat"][8:10]) - 32) // 7)
        for row in checkerboard.sales
        if row["t_dat"] < "2020-01-29"
    )
    assert set(weeks.values()) <= {2, 3, 4}
    assert len(weeks) == 199 * 4


def test_one_user_buys_nothing_and_one_item_is_never_sold(checkerboard):
    buyers = {row["customer_id"] for row in checkerboard.sales}
    sold = {row["article_id"] for row in checkerboard.sales}

    assert {row["customer_id"] for row in checkerboard.customers} - buyers == {"0200"}
    assert set(checkerboard.items) - sold == {"0108775060"}


def test_all_groups_are_about_equally_popular(checkerboard):
    sold = Counter(group_of_item(row["article_id"]) for row in checkerboard.sales)

    # 25 purchases each of 50 users, of 49 in the group of the user who buys nothing
    assert sold == {"Hats": 1250, "Shirts": 1250, "Shoes": 1250, "Trousers": 1225}


def test_some_ages_are_missing_and_no_column_determines_the_group(checkerboard):
    ages = [row["age"] for row in checkerboard.customers]

    assert 5 <= ages.count("") <= 40
    for column in ("age", "club_member_status", "postal_code"):
        groups = defaultdict(set)
        for row in checkerboard.customers:
            groups[row[column]].add(group_of_user(row["customer_id"]))
        assert max(len(found) for found in groups.values()) == 4


def test_the_oracle_has_full_recall_and_popularity_that_of_chance(checkerboard):
    assert checkerboard.recall_at_6(checkerboard.oracle) == 1
    assert checkerboard.recall_at_6(checkerboard.popularity) <= CHANCE
    assert checkerboard.recall_at_6(lambda user: sorted(checkerboard.before[user])) == 0


def test_the_noise_twin_has_the_same_users_items_and_numbers_of_purchases(checkerboard, noise):
    assert noise.customers == checkerboard.customers
    assert noise.articles == checkerboard.articles
    for key in (
        lambda row: row["t_dat"][:10],
        lambda row: row["customer_id"],
        lambda row: (row["t_dat"][:10], row["customer_id"]),
        lambda row: (row["t_dat"][:10], row["article_id"]),
    ):
        assert Counter(map(key, noise.sales)) == Counter(map(key, checkerboard.sales))


def test_the_noise_twin_has_no_groups_and_no_optimum(noise):
    own = sum(group_of_user(row["customer_id"]) == group_of_item(row["article_id"]) for row in noise.sales)

    assert own / len(noise.sales) == pytest.approx(1 / 4, abs=0.02)
    assert noise.recall_at_6(noise.oracle) < 0.15
    assert noise.recall_at_6(noise.popularity) <= CHANCE


@pytest.mark.parametrize("noisy", [False, True], ids=["checkerboard", "noise"])
def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, noisy):
    for name, seed in (("first", 3), ("second", 3), ("other", 4)):
        write_toy_data(tmp_path / name, seed=seed, users=20, items=24, days=30, noise=noisy)

    for table in ("customers.csv", "articles.csv", "transactions_train.csv"):
        assert (tmp_path / "first" / table).read_bytes() == (tmp_path / "second" / table).read_bytes()
    sales = [(tmp_path / name / "transactions_train.csv").read_bytes() for name in ("first", "other")]
    assert sales[0] != sales[1]


def test_availability_is_written_on_request_and_changes_no_other_file(checkerboard, tmp_path):
    write_toy_data(tmp_path, seed=7, availability=True)

    assert rows_of(tmp_path / "availability.csv") == [
        dict(zip(("article_id", "since", "for_sale", "channels", "minimum_age"), row, strict=True))
        for row in (
            ("0108775001", "2020-02-16", "0", "", ""),
            ("0108775002", "2020-01-01", "1", "store", ""),
            ("0108775003", "2020-01-01", "1", "", "40"),
            ("0108775004", "2020-01-01", "0", "", ""),
            ("0108775004", "2020-03-08", "1", "", ""),
        )
    ]
    assert not (checkerboard.folder / "availability.csv").exists()
    for path in checkerboard.folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_the_raw_tables_load_in_order_of_time(checkerboard):
    with duckdb.connect() as database:
        counts = load_raw_tables(database, checkerboard.folder)
        times = [time for (time,) in database.sql("SELECT purchased_at FROM purchases").fetchall()]

    assert (counts.users, counts.items, counts.purchases) == (200, 60, 4975)
    assert times == sorted(times)
    assert (f"{counts.first_purchased_at:%Y-%m-%d}", f"{counts.last_purchased_at:%Y-%m-%d}") == (
        "2020-01-01",
        "2020-02-29",
    )
    assert len({time.time() for time in times}) > 1000


def test_too_few_items_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"24 items .* 200, 10 and 60"):
        write_toy_data(tmp_path, seed=1, items=10)
