"""Raw tables in, feature tables out: all of them or none."""

from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.raw.toy_data import write_toy_data
from features.tables.build import build_feature_tables
from features.tables.feature_tables import TABLES

FILES = sorted(f"{name}.parquet" for name in TABLES)


def build(raw_dir, output, *, quarantine=None, memory_limit="1GB", progress=lambda *_: lambda _: None):
    return build_feature_tables(raw_dir, output, quarantine=quarantine, memory_limit=memory_limit, progress=progress)


def bytes_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def raw_dir(tmp_path):
    write_toy_data(tmp_path / "raw", seed=3, users=12, items=24, days=30)
    return tmp_path / "raw"


def append(raw_dir, line):
    with (raw_dir / "transactions_train.csv").open("a", encoding="utf-8") as text:
        text.write(line)


def test_every_table_is_written_and_what_was_built_is_told(raw_dir, tmp_path):
    progress = []

    built = build(
        raw_dir, tmp_path / "out", progress=lambda label, total: progress.append((label, total)) or progress.append
    )

    assert names_in(tmp_path / "out") == FILES
    assert names_in(tmp_path) == ["out", "raw"]
    assert [table.name for table in built.tables] == list(TABLES)
    assert (built.counts.users, built.counts.items) == (12, 24)
    assert [table.rows for table in built.tables[:4]] == [12, 24, 0, built.counts.purchases]
    assert built.data_end == datetime(2020, 1, 31, tzinfo=UTC)
    steps = len(TABLES) + 1  # the raw tables are read, then each is built
    assert progress == [("feature tables", steps), *[1] * steps]


def test_plans_for_after_the_last_purchase_are_written_and_do_not_move_the_end_of_what_is_known(raw_dir, tmp_path):
    write_toy_data(raw_dir, seed=3, users=12, items=24, days=30, availability=True)

    built = build(raw_dir, tmp_path / "out")

    assert [(table.name, table.rows) for table in built.tables][2] == ("item_availability", 5)
    assert built.counts.availability == 5
    assert built.data_end == datetime(2020, 1, 31, tzinfo=UTC)
    stamps = pq.read_table(tmp_path / "out" / "item_availability.parquet")["event_timestamp"].to_pylist()
    assert max(stamps) == datetime(2020, 2, 7, tzinfo=UTC)


def test_two_builds_of_the_same_tables_are_equal_to_the_byte(raw_dir, tmp_path):
    build(raw_dir, tmp_path / "one")
    build(raw_dir, tmp_path / "other")

    assert bytes_in(tmp_path / "one") == bytes_in(tmp_path / "other")


def test_bad_input_leaves_the_previous_tables_untouched(raw_dir, tmp_path):
    build(raw_dir, tmp_path / "out")
    before = bytes_in(tmp_path / "out")
    append(raw_dir, "2020-01-30,0001,nosuchitem,0.5,1\n")

    with pytest.raises(InputError, match="article_id is not in articles in 1 row"):
        build(raw_dir, tmp_path / "out")

    assert bytes_in(tmp_path / "out") == before
    assert names_in(tmp_path) == ["out", "raw"]


def test_a_failure_while_the_tables_are_written_leaves_the_previous_ones_untouched(raw_dir, tmp_path, monkeypatch):
    build(raw_dir, tmp_path / "out")
    before = bytes_in(tmp_path / "out")
    append(raw_dir, "2020-02-03,0001,0108775001,0.5,1\n")
    monkeypatch.setattr("features.tables.user_queries.RECENT_ITEMS", "select no_such_column from read_parquet({path})")

    with pytest.raises(Exception, match="no_such_column"):
        build(raw_dir, tmp_path / "out")

    assert bytes_in(tmp_path / "out") == before
    assert names_in(tmp_path) == ["out", "raw"]


def test_rows_set_aside_are_counted_and_the_others_are_built(raw_dir, tmp_path):
    append(raw_dir, "2020-01-30,0001,nosuchitem,0.5,1\n")

    built = build(raw_dir, tmp_path / "out", quarantine=tmp_path / "aside.csv")

    assert built.counts.quarantined == {"customers": 0, "articles": 0, "transactions_train": 1}
    assert built.tables[3].rows == built.counts.purchases
    assert "nosuchitem" in (tmp_path / "aside.csv").read_text(encoding="utf-8")


def test_new_tables_replace_the_old_ones_whole(raw_dir, tmp_path):
    build(raw_dir, tmp_path / "out")
    append(raw_dir, "2020-02-03,0001,0108775001,0.5,1\n")

    built = build(raw_dir, tmp_path / "out")

    assert names_in(tmp_path / "out") == FILES
    assert built.data_end == datetime(2020, 2, 4, tzinfo=UTC)


def test_a_folder_that_holds_anything_else_is_not_replaced(raw_dir, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")

    with pytest.raises(InputError, match=r"out holds thesis\.txt, which is no feature table and would be lost"):
        build(raw_dir, tmp_path / "out")

    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_the_folder_of_the_raw_tables_is_not_replaced(raw_dir):
    with pytest.raises(InputError, match="which is no feature table and would be lost"):
        build(raw_dir, raw_dir)

    assert "customers.csv" in names_in(raw_dir)


def test_a_memory_limit_that_is_none_is_refused(raw_dir, tmp_path):
    with pytest.raises(InputError, match="'much' is not a memory limit: use a size such as 4GB"):
        build(raw_dir, tmp_path / "out", memory_limit="much")

    assert names_in(tmp_path) == ["raw"]
