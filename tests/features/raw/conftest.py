"""A folder of valid raw files, and a database to load them into."""

import duckdb
import pytest
from fixtures.raw_files import FILES


@pytest.fixture
def raw_dir(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def database(tmp_path):
    (tmp_path / "work").mkdir()
    with duckdb.connect(tmp_path / "work" / "raw.duckdb") as connection:
        connection.execute("SET threads = 1")
        yield connection
