"""Bad input of every kind, through the command line of the jobs: one sentence that names it, and nothing is lost.

A message is judged as a new user would: it names the file or option, the place in it, what is wrong, and what to do.
It is not the error of a library.
"""

import gzip
import io
import re
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.raw_files import AVAILABILITY, CUSTOMERS, FILES, TRANSACTIONS

SALES = FILES["transactions_train.csv"]
LONG = "x" * 300


def sale(day="2018-09-20", user="0001", item="0108775015", price="0.02", channel="1"):
    return f"{TRANSACTIONS}{day},{user},{item},{price},{channel}\n"


def customer(user="0001", age="21", rest=""):
    return f"{CUSTOMERS}0002,,,,,,\n{user},,,,,{age},{rest}\n"


def availability(row):
    return AVAILABILITY + row + "\n"


def zipped(text):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("t.csv", text)
    return stream.getvalue()


def parquet(**columns):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


GOOD_PARQUET = parquet(customer_id=["0001", "0002"])
T, C, A, V = "transactions_train.csv", "customers.csv", "articles.csv", "availability.csv"

# The files that are written (None: deleted), and what the message names.
RAW = {
    # files
    "no transactions": ({T: None}, ["transactions_train", "fetch_demo_data"]),
    "two formats of a table": ({"customers.parquet": GOOD_PARQUET}, ["customers", "twice", "delete one"]),
    "an empty file": ({T: ""}, [T, "0 bytes"]),
    "a header without rows": ({T: TRANSACTIONS}, [T, "no rows"]),
    "blank lines only": ({T: "\n\n\n"}, [T, "it has none", "first line"]),
    "rows without a header": ({T: SALES.split("\n", 1)[1]}, [T, "has no column t_dat", "first line"]),
    "a zip archive": ({T: None, f"{T}.zip": zipped(SALES)}, [f"{T}.zip", "unzip it"]),
    "a workbook named csv": ({T: zipped(SALES)}, [T, "save the sheet as CSV"]),
    "an Excel file": ({C: None, "customers.xlsx": b"PK\3\4"}, ["customers.xlsx", "write it as .csv"]),
    "a JSON file named csv": ({T: '[{"t_dat": 1}]'}, [T, "JSON", "convert it"]),
    "a web page named csv": ({T: "<!DOCTYPE html><p>Sign in"}, [T, "web page", "download it again"]),
    "a pointer of Git LFS": ({T: "version https://git-lfs.github.com/spec/v1\n"}, [T, "git lfs pull"]),
    "text named parquet": ({T: None, "transactions_train.parquet": SALES}, ["transactions_train.parquet", ".csv"]),
    "a truncated gzip file": ({T: None, f"{T}.gz": gzip.compress(SALES.encode())[:-9]}, [f"{T}.gz", "truncated"]),
    "a file compressed twice": (
        {T: None, f"{T}.gz": gzip.compress(gzip.compress(SALES.encode()))},
        ["twice", "gunzip"],
    ),
    "no gzip file": ({T: None, f"{T}.gz": SALES}, [f"{T}.gz", "end in .csv"]),
    "a truncated Parquet file": ({C: None, "customers.parquet": GOOD_PARQUET[:-20]}, ["customers.parquet", "again"]),
    "UTF-16": ({C: FILES[C].encode("utf-16")}, [C, "UTF-16", "UTF-8"]),
    "Latin-1": ({A: FILES[A].replace("Strap", "Bl\xe5").encode("latin-1")}, [A, "line 2", "not UTF-8"]),
    # columns
    "semicolons": ({T: SALES.replace(",", ";")}, [T, "';'", "use commas"]),
    "tabs": ({T: SALES.replace(",", "\t")}, [T, r"'\\t'", "use commas"]),
    "a missing column": ({T: SALES.replace("price", "cost")}, [T, "price", "cost"]),
    "another spelling of a column": (
        {C: FILES[C].replace("customer_id", "CustomerId")},
        [C, "customer_id", "CustomerId"],
    ),
    "a repeated column": ({C: FILES[C].replace("Active", "age")}, [C, "same name", "age"]),
    "a column of floats as ids": (
        {C: None, "customers.parquet": parquet(customer_id=[1.0])},
        ["customer_id", "strings"],
    ),
    "a column of bytes as ids": (
        {C: None, "customers.parquet": parquet(customer_id=[b"1"])},
        ["customer_id", "strings"],
    ),
    # rows
    "too many fields": ({T: SALES + "2018-09-20,0001,0108775015,0,02,1\n"}, [T, "line 5", "6 columns", "quarantine"]),
    "too few fields": ({T: SALES + "2018-09-20,0001\n"}, [T, "line 5", "2 columns"]),
    "zero padding at the end": ({T: SALES.encode() + bytes(99)}, [T, "line 5", "remove these lines"]),
    "mixed line ends": ({T: SALES.replace("\n", "\r\n", 1)}, [T, "one kind of line end"]),
    "an integer as date": (
        {
            T: None,
            "transactions_train.parquet": parquet(
                t_dat=[20180920], customer_id=["0001"], article_id=["0108775015"], price=[0.02]
            ),
        },
        ["t_dat is not a date", "row 1", "'20180920'"],
    ),
    "lists as ids": ({C: None, "customers.parquet": parquet(customer_id=[["1"]])}, ["type list", "strings"]),
    "a quote that is not closed": (
        {A: FILES[A] + '0108775099,"Top,Ladieswear,x\n'},
        [A, "line 4", "close every quote"],
    ),
    "a carriage return in a value": ({A: FILES[A].replace("Strap top", "Strap\rtop")}, [A, "line 2", "line break"]),
    # ids
    "an id with NUL": ({C: customer(user="00\0")}, [C, "customer_id", "line 3", "control character"]),
    "an id with an escape sequence": ({C: customer(user="\x1b[31m")}, [C, "line 3", r"\\x1b", "control character"]),
    "a long id": ({C: customer(user=LONG)}, [C, "line 3", "256 characters"]),
    "a blank id": ({C: customer(user='" "')}, [C, "customer_id is missing", "line 3"]),
    "an id of a spreadsheet": ({C: customer(user="1.08775E+08")}, [C, "line 3", "spreadsheet", "as text"]),
    "a repeated customer": ({C: customer(user="0002")}, [C, "duplicate", "line 3", "'0002'"]),
    "an unknown customer": ({T: sale(user="9999")}, [T, "customer_id is not in customers", "'9999'"]),
    "an unknown article": ({T: sale(item="108775015")}, [T, "article_id is not in articles", "'108775015'"]),
    # values
    "no date": ({T: sale(day="")}, [T, "t_dat is missing", "line 2"]),
    "a date in another order": ({T: sale(day="20.09.2018")}, [T, "t_dat is not a date", "'20.09.2018'", "2020-09-22"]),
    "a day that does not exist": ({T: sale(day="2018-02-30")}, [T, "t_dat is not a date", "'2018-02-30'"]),
    "an Excel serial number as date": ({T: sale(day="43363")}, [T, "t_dat is not a date", "'43363'"]),
    "the year 0018": ({T: sale(day="0018-09-20")}, [T, "t_dat is not a date", "'0018-09-20'"]),
    "infinity as date": ({T: sale(day="infinity")}, [T, "t_dat is not a date", "'infinity'"]),
    "a date in the future": ({T: sale(day="2199-01-01")}, [T, "t_dat is after", "'2199-01-01'", "--as-of"]),
    "no price": ({T: sale(price="")}, [T, "price is missing", "line 2"]),
    "a price in words": ({T: sale(price="free")}, [T, "price is not a number", "'free'", "0.0254"]),
    "a price with a currency": ({T: sale(price="$3")}, [T, "price is not a number", "'$3'"]),
    "a decimal comma": ({T: sale(price='"0,02"')}, [T, "price is not a number", "'0,02'"]),
    "NaN as price": ({T: sale(price="NaN")}, [T, "price is not a number", "'NaN'"]),
    "an infinite price": ({T: sale(price="inf")}, [T, "price is not a number", "'inf'"]),
    "a negative price": ({T: sale(price="-1")}, [T, "price is negative", "'-1'"]),
    "a price of billions": ({T: sale(price="1e12")}, [T, "price is a billion or more", "'1e12'"]),
    "a negative age": ({C: customer(age="-3")}, [C, "age is negative", "'-3'"]),
    "an age in words": ({C: customer(age="adult")}, [C, "age is not a number", "'adult'"]),
    "a name of 2,000 characters": ({A: FILES[A].replace("Strap top", "x" * 2_000)}, [A, "prod_name", "1,000"]),
    "a flag that is neither 0 nor 1": ({V: availability("0108775015,2018-09-20,2,,")}, [V, "for_sale", "'2'"]),
    "channels with commas": ({V: availability('0108775015,2018-09-20,1,"a,b",')}, [V, "channels", "'a,b'"]),
    "availability without a moment": ({V: availability("0108775015,,1,,")}, [V, "since is missing", "line 2"]),
    "a negative minimum age": ({V: availability("0108775015,2018-09-20,1,,-1")}, [V, "minimum_age is negative"]),
    "availability of an unknown article": ({V: availability("7,2018-09-20,1,,")}, [V, "not in articles", "'7'"]),
}

# The content of the file, and what the message names.
USERS = {
    "an empty file of users": (b"", ["no user id", "one user id per line"]),
    "blank lines of users": (b" \n\t\n\n", ["no user id"]),
    "Latin-1 users": (b"M\xfcller\n", ["not UTF-8"]),
    "UTF-16 users": ("0001\n".encode("utf-16"), ["UTF-8"]),
    "a user with NUL": (b"0001\n00\x0002\n", ["line 2", "control character"]),
    "a user with an escape sequence": (b"\x1b[2J\n", ["line 1", r"\\x1b", "control character"]),
    "a long user": (f"0001\n{LONG}\n".encode(), ["line 2", "256"]),
    "users in one line": (",".join(f"{user:064}" for user in range(99)).encode(), ["line 1", "one user id per line"]),
    "a Parquet file of users": (GOOD_PARQUET, ["one user id per line"]),
}
FILTERS = {
    "an unknown setting": (b"for_sail = true", ["'for_sail'", "'for_sale'"]),
    "no TOML": (b"for_sale: true", ["not TOML", "line 1"]),
    "JSON settings": (b'{"for_sale": true}', ["not TOML"]),
    "settings that are not UTF-8": (b'channel = "\xfc"', ["not UTF-8", "save it"]),
    "a repeated setting": (b"for_sale = true\nfor_sale = false", ["not TOML", "each setting once"]),
    "ids without quotes": (b"blocked_items = [0108775015]", ["ids go in quotes"]),
    "ids as numbers": (b"blocked_items = [108775015]", ["blocked_items", "108775015", "text in quotes"]),
    "an id instead of a list": (b'blocked_items = "0108775015"', ["blocked_items", "must be a list"]),
    "an empty blocked id": (b'blocked_items = [""]', ["blocked_items", "empty"]),
    "a blocked id with NUL": (b'blocked_items = ["a\\u0000"]', ["blocked_items", "control character"]),
    "a long blocked id": (f'blocked_items = ["{LONG}"]'.encode(), ["blocked_items", "256"]),
    "a flag as text": (b'for_sale = "yes"', ["for_sale", "'yes'", "true or false"]),
    "a flag as number": (b"for_sale = 1", ["for_sale", "true or false"]),
    "an unknown policy": (b'already_bought = "never"', ["already_bought", "'never'", "'cool-down'"]),
    "a cool-down without days": (b'already_bought = "cool-down"', ["cool_down_days is missing"]),
    "negative days": (b"unsold_days = -1", ["unsold_days", "-1"]),
    "NaN days": (b"unsold_days = nan", ["unsold_days", "nan", "finite"]),
    "infinite days": (b"cool_down_days = inf", ["cool_down_days", "inf", "finite"]),
    "a day or less": (b"cool_down_days = 0.5", ["cool_down_days", "0.5", "more than 1"]),
    "days as text": (b'unsold_days = "28"', ["unsold_days", "'28'", "number"]),
    "a cap of 0": (b"at_most_per_department = 0", ["at_most_per_department", "0", "1"]),
    "half an item": (b"at_most_per_department = 2.5", ["at_most_per_department", "2.5", "whole number"]),
    "an empty channel": (b'channel = ""', ["channel", "must not be empty"]),
    "a channel as number": (b"channel = 2", ["channel", "2", "text in quotes"]),
    "a setting below a table": (b"[cool_down_days_by_category]\nunsold_days = 9", ["unsold_days", "above that line"]),
}

# The job, its options, and what the message names; {folder} and {file} exist.
OPTIONS = {
    "no raw folder": ("build_features --raw-dir {folder}/none --output {folder}/t", ["none", "fetch_demo_data"]),
    "a raw file": ("build_features --raw-dir {file} --output {folder}/t", ["--raw-dir", "file"]),
    "output is a file": ("build_features --raw-dir {raw} --output {file}", ["file.txt", "file"]),
    "output is the raw folder": ("build_features --raw-dir {raw} --output {raw}", ["raw", "--output"]),
    "output holds other files": ("build_features --raw-dir {raw} --output {folder}", ["file.txt", "--output"]),
    "output below a file": ("build_features --raw-dir {raw} --output {file}/t", ["file.txt", "path"]),
    "quarantine in the output": (
        "build_features --raw-dir {raw} --output {folder}/t --quarantine {folder}/t/bad.csv",
        ["bad.csv", "--quarantine"],
    ),
    "no size": ("build_features --raw-dir {raw} --output {folder}/t --memory-limit much", ["'much'", "4GB"]),
    "no moment": ("build_features --raw-dir {raw} --output {folder}/t --as-of soon", ["'soon'", "2020-09-22"]),
    "k of 0": ("generate_candidates --k 0", ["--k", "0", "1"]),
    "k as text": ("generate_candidates --k many", ["--k", "'many'"]),
    "k beyond the limit": ("generate_candidates --k 5001", ["--k", "5000"]),
    "unknown features": ("generate_candidates --features fast", ["--features", "'fast'", "'online'"]),
    "an option that does not exist": ("generate_candidates --user 0001", ["--user", "--users"]),
    "no file of users": ("generate_candidates --users {folder}/none", ["none", "one user id per line"]),
    "a folder of users": ("generate_candidates --users {folder}", ["--users", "directory"]),
    "no file of filters": ("generate_candidates --filters {folder}/none", ["none", "omit --filters"]),
    "output of another format": ("generate_candidates --output {folder}/out.csv", ["out.csv", ".parquet"]),
    "a release outside": ("generate_candidates --releases {folder} --release ../x", ["'../x'"]),
    "no release": ("generate_candidates --releases {folder}/none", ["none", "jobs/train.py"]),
    "a seed below 0": ("train --seed -1", ["--seed", "-1"]),
    "an unknown preset": ("train --preset big", ["--preset", "'big'", "'default'"]),
    "no epochs": ("train --epochs 0", ["--epochs", "0"]),
    "training filters that are missing": ("train --filters {folder}/none", ["none", "omit --filters"]),
    "no feature repository": ("materialize --repo {folder}", ["feature_store.yaml", "--repo"]),
    "a candidate file of text": ("show_candidates --candidates {file}", ["file.txt", "Parquet"]),
    "no user to show": ("show_candidates --stage rank", ["--user"]),
    "a user without a stage": ("show_candidates --user 0001", ["--user", "--stage"]),
    "a shown user with a control character": (
        "show_candidates --stage rank --user \x1b",
        ["--user", "control character"],
    ),
    "an unknown stage": ("show_candidates --stage last", ["--stage", "'last'", "'rank'"]),
}


@pytest.fixture
def world(tmp_path):
    """Valid raw tables, feature tables of an earlier build, and other files of the user."""
    raw, tables = tmp_path / "raw", tmp_path / "tables"
    for folder in (raw, tables):
        folder.mkdir()
    for name, text in FILES.items():
        (raw / name).write_text(text, encoding="utf-8")
    (tables / "user_profile.parquet").write_bytes(GOOD_PARQUET)
    (tmp_path / "file.txt").write_text("mine", encoding="utf-8")
    return tmp_path


@pytest.fixture
def refused(call, world):
    """Run a job that must be refused, and return its message; nothing else has changed."""

    def files():
        return {path: path.read_bytes() for path in world.rglob("*") if path.is_file()}

    def refused(job, *options):
        before = files()
        done = call(job, *options)
        assert done.exit_code in {1, 2}
        assert files() == before
        [message] = [line for line in done.stderr.splitlines() if line.lower().startswith("error: ")]
        assert done.stderr.rstrip().endswith(message)
        assert len(message) < 800
        assert message.isprintable()
        assert re.findall(r"\b(?:\w+\.)*\w+(?:Error|Exception)\b|Errno|Traceback", message) == []
        return message

    return refused


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def assert_names(message, parts):
    assert [part for part in parts if part not in message.replace("\\", "\\\\")] == [], message


@pytest.mark.parametrize("kind", RAW)
def test_bad_raw_tables_are_named_and_the_earlier_tables_stay(refused, world, kind):
    files, parts = RAW[kind]
    write(world / "raw", files)

    message = refused("build_features", "--raw-dir", world / "raw", "--output", world / "tables")

    assert_names(message, [str(world / "raw"), *parts])


@pytest.mark.parametrize("kind", USERS)
def test_bad_files_of_users_are_named(refused, world, kind):
    content, parts = USERS[kind]
    write(world, {"users.txt": content})

    assert_names(refused("generate_candidates", "--users", world / "users.txt"), [str(world / "users.txt"), *parts])


@pytest.mark.parametrize("job", ["generate_candidates", "train"])
@pytest.mark.parametrize("kind", FILTERS)
def test_bad_filter_settings_are_named(refused, world, kind, job):
    content, parts = FILTERS[kind]
    write(world, {"filters.toml": content})

    assert_names(refused(job, "--filters", world / "filters.toml"), [str(world / "filters.toml"), *parts])


@pytest.mark.parametrize("kind", OPTIONS)
def test_bad_options_are_named(refused, world, kind):
    command, parts = OPTIONS[kind]
    job, *options = command.split(" ")
    places = {"folder": world, "file": world / "file.txt", "raw": world / "raw"}

    assert_names(refused(job, *(option.format(**places) for option in options)), parts)


def test_a_link_to_a_file_that_does_not_exist_is_named(refused, world):
    (world / "raw" / C).unlink()
    (world / "raw" / C).symlink_to(world / "nowhere.csv")

    message = refused("build_features", "--raw-dir", world / "raw", "--output", world / "tables")

    assert_names(message, [C, f"a link to {world}/nowhere.csv, which does not exist"])


def test_many_kinds_are_tried():
    assert len(RAW) + len(USERS) + len(FILTERS) + len(OPTIONS) >= 120
