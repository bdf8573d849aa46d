"""Files that are not what their names say, and files with other names: the message names the remedy."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.raw_files import FILES, TRANSACTIONS, error_of, write_sales

from features.raw.raw_tables import load_raw_tables

TEXT = FILES["transactions_train.csv"]


def zipped(text):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("transactions_train.csv", text)
    return stream.getvalue()


def parquet():
    stream = io.BytesIO()
    pq.write_table(pa.table({"t_dat": ["2018-09-20"]}), stream)
    return stream.getvalue()


DISGUISED = {
    "Excel": (zipped(TEXT), "save the sheet as CSV"),
    "old Excel": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), "save the sheet as CSV"),
    "gzip": (gzip.compress(TEXT.encode()), "end in .csv.gz"),
    "Parquet": (parquet(), "end in .parquet"),
    "UTF-16": (TEXT.encode("utf-16"), "convert it to UTF-8"),
    "UTF-16 big endian": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "convert it to UTF-8"),
    "UTF-16 without mark": (TEXT.encode("utf-16-le"), "convert it to UTF-8"),
    "web page": (b"<!DOCTYPE html><html>Sign in</html>", "download it again"),
    "JSON": (b'[{"t_dat": "2018-09-20"}]', "convert it to CSV"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
}


@pytest.mark.parametrize("kind", DISGUISED)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_file_that_is_not_what_its_name_says_is_named_with_the_remedy(database, raw_dir, kind, ending):
    content, remedy = DISGUISED[kind]
    (raw_dir / "transactions_train.csv").unlink()
    path = raw_dir / f"transactions_train{ending}"
    path.write_bytes(gzip.compress(content) if ending == ".csv.gz" else content)

    message = error_of(database, raw_dir)

    assert message.startswith(f"{path} is ")
    assert ("twice: decompress it once" if (kind, ending) == ("gzip", ".csv.gz") else remedy) in message


@pytest.mark.parametrize("content", [TEXT.encode(), gzip.compress(TEXT.encode()), zipped(TEXT)], ids=len)
def test_a_file_named_parquet_that_is_not_is_named(database, raw_dir, content):
    (raw_dir / "transactions_train.csv").unlink()
    (raw_dir / "transactions_train.parquet").write_bytes(content)

    assert "transactions_train.parquet is " in error_of(database, raw_dir)


OTHER_NAMES = {
    "transactions_train.csv.zip": "unzip it",
    "transactions_train.zip": "unzip it",
    "transactions_train.csv.zst": "zstd -d",
    "transactions_train.csv.bz2": "bunzip2",
    "transactions_train.feather": "convert it to Parquet",
    "transactions_train.tgz": "unpack it",
    "transactions_train.tar.gz": "write it as .csv",
    "transactions_train.xlsx": "write it as .csv",
    "transactions_train.tsv": "write it as .csv",
    "transactions_train.json": "write it as .csv",
    "transactions_train": "write it as .csv",
    "Transactions_Train.CSV": "rename it to transactions_train.csv",
}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_file_of_another_name_is_named_with_the_remedy(database, raw_dir, name):
    (raw_dir / "transactions_train.csv").rename(raw_dir / name)

    message = error_of(database, raw_dir)

    assert f", but {name}, which is not read: " in message
    assert OTHER_NAMES[name] in message


def test_an_optional_table_of_another_name_is_not_passed_over(database, raw_dir):
    (raw_dir / "availability.xlsx").write_bytes(b"PK")

    assert "but availability.xlsx" in error_of(database, raw_dir)


@pytest.mark.parametrize("name", ["customers", "customers.csv"])
def test_a_folder_in_the_place_of_a_csv_file_is_named(database, raw_dir, name):
    (raw_dir / "customers.csv").unlink()
    (raw_dir / name).mkdir()

    assert f"but {name}, which is not read: name a folder of Parquet files customers.parquet" in error_of(
        database, raw_dir
    )


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_named_although_a_value_holds_a_comma(database, raw_dir, delimiter):
    header = TRANSACTIONS.replace(",", delimiter).strip() + f"{delimiter}name, size\n"
    (raw_dir / "transactions_train.csv").write_text(f"{header}x\n")

    assert f"transactions_train.csv is separated by {delimiter!r}" in error_of(database, raw_dir)


def test_a_carriage_return_inside_a_value_is_named(database, raw_dir):
    text = FILES["articles.csv"].replace("Strap top", "Strap\rtop")
    (raw_dir / "articles.csv").write_bytes(text.encode())

    message = error_of(database, raw_dir)

    assert "articles.csv has a line break inside a value in 1 line (line 2: " in message
    assert "Strap\\rtop" in message


def test_a_carriage_return_inside_quotes_is_kept(database, raw_dir):
    text = FILES["articles.csv"].replace("Strap top", '"Strap\rtop"')
    (raw_dir / "articles.csv").write_bytes(text.encode())

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT prod_name FROM items LIMIT 1").fetchall() == [("Strap\rtop",)]


def test_lines_may_end_with_carriage_returns_alone(database, raw_dir):
    for name, text in FILES.items():
        (raw_dir / name).write_bytes(text.replace("\n", "\r").encode())

    assert load_raw_tables(database, raw_dir).purchases == 3


DAMAGED_IDS = ["1.08775E+08", "1,08775E+08", "1E+08", "########", "#N/A", "#REF!", "#NAME?"]


@pytest.mark.parametrize("damaged", DAMAGED_IDS)
@pytest.mark.parametrize("table", ["articles", "customers", "transactions_train", "availability"])
def test_ids_that_a_spreadsheet_damaged_are_named_in_every_table(database, raw_dir, table, damaged):
    column = "customer_id" if table == "customers" else "article_id"
    value = f'"{damaged}"'
    if table == "articles":
        (raw_dir / "articles.csv").write_text(
            "article_id,garment_group_name,index_group_name\n" + f"{value},Top,Dam\n" * 31
        )
    elif table == "customers":
        (raw_dir / "customers.csv").write_text(f"customer_id\n{value}\n{value}\n")
    elif table == "availability":
        (raw_dir / "availability.csv").write_text(f"article_id,since\n{value},2018-09-20\n")
    else:
        write_sales(raw_dir, f"2018-09-20,0001,{value},0.02,1\n")

    message = error_of(database, raw_dir)

    assert f"{table}.csv: {column} looks damaged by a spreadsheet in " in message
    assert f"(line 2: '{damaged}'" in message
    assert "keep one row" not in message


@pytest.mark.parametrize("harmless", ["1E08", "5e12", "A#1", "1.5", "1-Mar"])
def test_ids_that_only_resemble_them_are_kept(database, raw_dir, harmless):
    (raw_dir / "customers.csv").write_text(f"customer_id\n0001\n0002\n{harmless}\n")

    assert load_raw_tables(database, raw_dir).users == 3
