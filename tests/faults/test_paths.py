"""A path is data: no pattern, no column, no database of another kind."""

import ast
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.raw_files import FILES

from features.errors import InputError
from features.parquet_rows import ParquetRows
from features.raw.toy_data import write_toy_data
from features.sql import csv_file, parquet_files, partition_option
from features.tables.build import build_feature_tables
from features.tables.feature_tables import TABLES

ROOT = Path(__file__).resolve().parents[2]

# Each name, and the folder that a pattern or a shell would read instead.
NAMES = {
    "shop[1]": "shop1", "shop[a-c]": "shopb", "shop[!1]": "shop2", "a*b": "axxb", "**": "deep", "a?b": "axb",
    "it's": "its", '"quoted"': "quoted", "100%": "100", "a%20b": "a b", "with blank": "with", "~": "home",
    "$HOME": "x", "line\nbreak": "linebreak", "age=30": "age", "t_dat=2020-09-22": "t", "user_id=7": "u",
    "{a,b}": "a", "#1": "h", "a;b": "ab", "a&b": "ab", "é日": "e", "back\\slash": "backslash", "md:x": "md",
    "s3:": "s3", "a]b": "a", "-x": "x",
}  # fmt: skip


@pytest.fixture(params=NAMES)
def folder(request, tmp_path):
    """A folder of an odd name, beside one that is easily taken for it."""
    for name in (NAMES[request.param], request.param):
        (tmp_path / name).mkdir()
    decoy, folder = tmp_path / NAMES[request.param], tmp_path / request.param
    pq.write_table(pa.table({"value": [0], "age": [0], "t_dat": ["decoy"]}), decoy / "x.parquet")
    pq.write_table(pa.table({"value": [1], "age": [2], "t_dat": ["own"]}), folder / "x.parquet")
    (decoy / "x.csv").write_text("0\n")
    (folder / "x.csv").write_text("1\n")
    return folder


@pytest.mark.parametrize("relative", [False, True])
def test_a_file_is_read_from_the_folder_that_was_named(folder, monkeypatch, relative):
    path = folder / "x.parquet"
    if relative:
        monkeypatch.chdir(folder.parent)
        path = Path(folder.name) / "x.parquet"

    with duckdb.connect() as connection:
        assert connection.sql(f"FROM {parquet_files([path])}").fetchall() == [(1, 2, "own")]
        options = "columns = {'value': 'VARCHAR'}, auto_detect = false, header = false"
        assert connection.sql(f"FROM {csv_file(path.with_suffix('.csv'), options)}").fetchall() == [("1",)]
        rows = ParquetRows((path,))
        assert connection.sql(f"FROM {rows.sql}").fetchall() == [(1, 2, "own")]
        assert (rows.num_rows, rows.table().to_pylist()) == (1, [{"value": 1, "age": 2, "t_dat": "own"}])


def test_the_offline_store_reads_the_file_and_the_folder_that_were_named(folder):
    from features.asof_store.table import parquet_table

    with duckdb.connect() as connection:
        for path in (folder / "x.parquet", folder):
            table = parquet_table(connection, str(path))
            assert connection.sql(f"SELECT * FROM {table.sql}").fetchall() == [(1, 2, "own")]
            assert list(table.types) == ["value", "age", "t_dat"]


def test_feature_tables_are_the_same_whatever_the_folders_are_called(tmp_path):
    def build(raw, output):
        write_toy_data(raw, seed=3, users=12, items=24, days=30)
        build_feature_tables(raw, output, quarantine=None, memory_limit="1GB", progress=lambda *_: lambda _: None)
        return {name: pq.ParquetFile(output / f"{name}.parquet").read() for name in TABLES}

    odd = tmp_path / "shop[1]*" / "age=30" / "t_dat=2020-09-22" / "user_id=7 'q' 100% ~"

    plain, same = build(tmp_path / "raw", tmp_path / "tables"), build(odd / "raw", odd / "tables")

    assert {name: table.equals(same[name]) for name, table in plain.items()} == dict.fromkeys(TABLES, True)


@pytest.mark.parametrize("name", ["a?b", "a\\b"])
def test_a_folder_in_which_duckdb_opens_no_database_is_refused(tmp_path, name):
    write_toy_data(tmp_path / "raw", seed=3, users=12, items=24, days=30)

    with pytest.raises(InputError, match=r"holds .+") as caught:
        build_feature_tables(
            tmp_path / "raw", tmp_path / name / "t", quarantine=None, memory_limit="1GB", progress=lambda *_: print
        )

    assert str(tmp_path / name) in str(caught.value)


def test_a_backslash_beside_a_pattern_is_refused():
    with pytest.raises(InputError, match="backslash"):
        parquet_files([Path("/a[1]\\b/x.parquet")])


def test_folders_below_a_folder_of_parquet_files_are_columns_and_those_above_are_not(tmp_path):
    plain, nested = tmp_path / "plain", tmp_path / "age=30" / "nested"
    files = [folder / "item_id=007" / "x.parquet" for folder in (plain, nested)]

    assert partition_option(plain, files[:1]) == "hive_partitioning = true, hive_types_autocast = false"
    assert partition_option(nested, [nested / "x.parquet"]) == "hive_partitioning = false"
    with pytest.raises(InputError, match="'age=30'"):
        partition_option(nested, files[1:])


def test_only_one_file_of_the_project_writes_relations_of_files():
    against = []
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] in {"tests", ".venv", "build"} or parts == ("features", "sql.py"):
            continue
        texts = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        against += [f"{path}: {text[:60]}" for text in texts if "read_parquet(" in text or "read_csv(" in text]

    assert against == []


def test_the_raw_files_of_a_folder_with_a_pattern_are_its_own(tmp_path):
    from features.raw.raw_tables import load_raw_tables

    for name, price in (("shop1", "9.0"), ("shop[1]", "0.5")):
        (tmp_path / name).mkdir()
        for file, text in FILES.items():
            (tmp_path / name / file).write_text(text.replace(",0.05,", f",{price},"))

    with duckdb.connect() as connection:
        load_raw_tables(connection, tmp_path / "shop[1]")
        assert connection.sql("SELECT max(price) FROM purchases").fetchall() == [(0.5,)]
        shutil.rmtree(tmp_path / "shop1")
        load_raw_tables(connection, tmp_path / "shop[1]")
