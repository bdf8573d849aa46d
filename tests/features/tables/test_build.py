"""Raw tables in, feature tables out: all of them or none."""

import hashlib
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from features.build_record import read_build
from features.errors import InputError
from features.raw.toy_data import write_toy_data
from features.tables import build as build_module
from features.tables.build import build_feature_tables
from features.tables.feature_tables import TABLES

FILES = ["build.json", *sorted(f"{name}.parquet" for name in TABLES)]


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


def test_every_table_is_written_and_counted(raw_dir, tmp_path):
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


def test_availability_after_the_last_purchase_is_written_and_does_not_move_the_end_of_the_data(raw_dir, tmp_path):
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

    with pytest.raises(InputError, match=r"article_id.*nosuchitem"):
        build(raw_dir, tmp_path / "out")

    assert bytes_in(tmp_path / "out") == before
    assert names_in(tmp_path) == ["out", "raw"]


def test_a_failure_while_the_tables_are_written_leaves_the_previous_ones_untouched(raw_dir, tmp_path, monkeypatch):
    build(raw_dir, tmp_path / "out")
    before = bytes_in(tmp_path / "out")
    append(raw_dir, "2020-02-03,0001,0108775001,0.5,1\n")
    monkeypatch.setattr("features.tables.user_queries.RECENT_ITEMS", "select no_such_column from {bought}")

    with pytest.raises(Exception, match="no_such_column"):
        build(raw_dir, tmp_path / "out")

    assert bytes_in(tmp_path / "out") == before
    assert names_in(tmp_path) == ["out", "raw"]


@pytest.mark.parametrize("name", ["customers.csv", "transactions_train.csv"])
def test_raw_tables_that_are_replaced_while_they_are_read_are_refused(raw_dir, tmp_path, monkeypatch, name):
    build(raw_dir, tmp_path / "features")
    before = bytes_in(tmp_path / "features")
    load = build_module.load_raw_tables

    def load_while_replaced(*arguments, **options):
        (raw_dir / "new").write_bytes((raw_dir / name).read_bytes())
        (raw_dir / "new").replace(raw_dir / name)
        return load(*arguments, **options)

    monkeypatch.setattr(build_module, "load_raw_tables", load_while_replaced)
    with pytest.raises(InputError, match=rf"raw tables in {raw_dir} were changed .* run the command again"):
        build(raw_dir, tmp_path / "features")

    assert bytes_in(tmp_path / "features") == before


def test_quarantined_rows_are_counted_and_the_others_are_built(raw_dir, tmp_path):
    append(raw_dir, "2020-01-30,0001,nosuchitem,0.5,1\n")

    built = build(raw_dir, tmp_path / "out", quarantine=tmp_path / "bad.csv")

    assert built.counts.quarantined == {"customers": 0, "articles": 0, "transactions_train": 1}
    assert built.tables[3].rows == built.counts.purchases
    assert "nosuchitem" in (tmp_path / "bad.csv").read_text(encoding="utf-8")


def test_new_tables_replace_the_old_ones_whole(raw_dir, tmp_path):
    build(raw_dir, tmp_path / "out")
    append(raw_dir, "2020-02-03,0001,0108775001,0.5,1\n")

    built = build(raw_dir, tmp_path / "out")

    assert names_in(tmp_path / "out") == FILES
    assert built.data_end == datetime(2020, 2, 4, tzinfo=UTC)


def test_a_folder_with_other_files_is_not_replaced(raw_dir, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")

    with pytest.raises(InputError, match=r"out holds thesis\.txt.*--output"):
        build(raw_dir, tmp_path / "out")

    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_the_folder_of_the_raw_tables_is_not_replaced(raw_dir):
    with pytest.raises(InputError, match=r"articles\.csv.*--output"):
        build(raw_dir, raw_dir)

    assert "customers.csv" in names_in(raw_dir)


def test_an_invalid_memory_limit_is_refused(raw_dir, tmp_path):
    with pytest.raises(InputError, match=r"'much' is not a memory limit.*4GB"):
        build(raw_dir, tmp_path / "out", memory_limit="much")

    assert names_in(tmp_path) == ["raw"]


def test_the_record_names_the_raw_folder_and_counts_rows(raw_dir, tmp_path, monkeypatch):
    append(raw_dir, "2020-01-30,0001,nosuchitem,0.5,1\n")
    monkeypatch.chdir(tmp_path)

    built = build(raw_dir.relative_to(tmp_path), tmp_path / "out", quarantine=tmp_path / "bad.csv")
    record = read_build(tmp_path / "out")

    assert record.raw_dir == raw_dir
    assert record.raw_rows == {"users": 12, "items": 24, "purchases": built.counts.purchases, "availability": 0}
    assert record.quarantined_rows == {"customers": 0, "articles": 0, "transactions_train": 1}
    assert record.feature_rows == {table.name: table.rows for table in built.tables}
    assert record.data_end == built.data_end == datetime(2020, 1, 31, tzinfo=UTC)


def test_the_record_has_the_mark_and_the_digest_of_each_table(raw_dir, tmp_path):
    build(raw_dir, tmp_path / "out")
    record = read_build(tmp_path / "out")

    contents = {name: content for name, content in bytes_in(tmp_path / "out").items() if name != "build.json"}
    assert {name: (file.size, file.sha256) for name, file in record.files.items()} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()
    }
    marks = {pq.read_schema(tmp_path / "out" / name).metadata[b"feast_two_tower.build"].decode() for name in contents}
    assert marks == {record.build}


def test_a_failed_build_leaves_the_previous_record(raw_dir, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    build(raw_dir, tmp_path / "out")
    before = bytes_in(tmp_path / "out")
    monkeypatch.setattr("features.tables.build.write_build", fail)

    with pytest.raises(OSError, match="no space left"):
        build(raw_dir, tmp_path / "out")

    assert bytes_in(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"build\.json does not exist"),
        ("{", r"build\.json is not JSON"),
        ("[]", r"build\.json is not a JSON object"),
        ("{}", r"build\.json: raw_dir is missing"),
    ],
)
def test_an_unreadable_record_is_refused_by_name(tmp_path, text, message):
    if text is not None:
        (tmp_path / "build.json").write_text(text)

    with pytest.raises(InputError, match=message):
        read_build(tmp_path)


def test_a_database_that_cannot_be_created_is_not_a_wrong_memory_limit(tmp_path):
    from features.tables.build import raw_database

    with pytest.raises(InputError, match=rf"database cannot be created in {tmp_path} \(IO Error.*free some space"):
        raw_database(tmp_path / "missing", "1GB")
