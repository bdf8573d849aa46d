"""Digests of feature tables cover every file that the as-of store reads, and read it once."""

import pytest
from fixtures.small_store import SCHEMA, VIEW, day, open_small_store, row, write_table


def test_hidden_files_of_a_folder_are_part_of_its_table(tmp_path):
    from features.store.source_tables import read_source
    from features.store.table_digests import TableDigests

    store = open_small_store(tmp_path / "store", tmp_path / "table")
    write_table(tmp_path / "table" / "one.parquet", [[row("a", 1)]])
    before = TableDigests.compute(store)
    write_table(tmp_path / "table" / ".hidden" / ".two.parquet", [[row("b", 1)]])

    assert read_source(store, VIEW, [], known_at=day(2))["user_id"].to_pylist() == ["b", "a"]
    assert TableDigests.compute(store).by_view != before.by_view


def test_a_file_that_several_views_share_is_read_once(tmp_path):
    from features.files import sha256
    from features.store.table_digests import TableDigests

    hashed = []
    table = write_table(tmp_path / "numbers.parquet", [[row("a", 1)]])
    store = open_small_store(tmp_path / "store", table)
    view = store.get_feature_view(VIEW)
    other = view.with_name("others")
    other.name = "others"

    digests = TableDigests.compute(store, [view, other], lambda path: hashed.append(path) or sha256(path))

    assert hashed == [table]
    assert digests.by_view[VIEW] == digests.by_view["others"]


def test_a_table_whose_bytes_are_not_those_of_its_build_is_refused(tmp_path):
    from features.build_record import BuildRecord, TableFile, write_build
    from features.errors import InputError
    from features.files import sha256
    from features.store.table_digests import TableDigests
    from features.table_origin import mark

    table = write_table(tmp_path / "numbers.parquet", [[row("a", 1)]], mark(SCHEMA, "build"))
    files = {table.name: TableFile(size=table.stat().st_size, sha256=sha256(table))}
    record = BuildRecord(
        raw_dir=tmp_path, raw_rows={}, quarantined_rows={}, feature_rows={}, data_end=day(1), build="build", files=files
    )
    write_build(tmp_path, record)
    store = open_small_store(tmp_path / "store", table)
    before = TableDigests.compute(store)

    content = bytearray(table.read_bytes())
    content[20] ^= 1
    table.write_bytes(content)

    assert set(before.by_view) == {VIEW}
    with pytest.raises(InputError, match=r"numbers\.parquet is damaged or was edited.*build_features"):
        TableDigests.compute(store)
