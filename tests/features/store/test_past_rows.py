"""Tables that begin with the rows that were read before are read from there on; all others from the beginning."""

import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from fixtures.small_store import SCHEMA, VIEW, day, open_small_store, row, small_rows, write_table

from features.errors import InputError

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def fill(tmp_path):
    """Write a table, fill the online store up to a day, and return the start of the window.

    The rows online are compared with those of a store that is filled from scratch.
    """
    from features.store.materialization import fill_online_store

    table = tmp_path / "numbers.parquet"
    store = open_small_store(tmp_path / "store", table)

    def fill(number, write):
        write(table)
        started = fill_online_store(store, day(number), from_scratch=False).starts[VIEW]
        shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
        fresh = open_small_store(tmp_path / "fresh", table)
        fill_online_store(fresh, day(number), from_scratch=True)
        assert small_rows(store) == small_rows(fresh)
        return started

    return fill


@pytest.fixture
def write():
    """Return a function that writes row groups to a path."""
    return lambda *groups, **options: lambda path: write_table(path, groups, **options)


def days(*numbers, users="ab", **values):
    """Rows of some users on each of some days."""
    return [row(user, number, **values) for number in numbers for user in users]


def test_a_table_with_one_more_day_is_read_from_the_previous_moment_on(fill, write):
    assert fill(3, write(days(1, 2), days(3))) == BEGINNING
    assert fill(4, write(days(1, 2), days(3, 4))) == day(3)
    assert fill(5, write(days(1, 2), days(3, 4), days(5))) == day(4)
    assert fill(7, write(days(1, 2), days(3, 4), days(5, 6), days(7))) == day(5)
    assert fill(8, write(days(1, 2), days(3, 4), days(5, 6), days(7, 8))) == day(7)


def test_moments_within_the_table_are_windows_as_well(fill, write):
    table = write(days(1, 2), days(3, 4), days(5, 6))
    assert fill(3, table) == BEGINNING
    assert fill(5, write(days(1, 2), days(3, 4), days(5, 6), days(7))) == day(3)
    assert fill(5, write(days(1, 2), days(3, 4), days(5), days(6, 7))) == day(5)


EDITS = {
    "a row is changed": lambda rows: [rows[0] | {"value": 2.0}, *rows[1:]],
    "a value becomes null": lambda rows: [rows[0] | {"value": None}, *rows[1:]],
    "a list becomes null": lambda rows: [rows[0] | {"items": None}, *rows[1:]],
    "a list becomes empty": lambda rows: [rows[0] | {"items": []}, *rows[1:]],
    "a row is deleted": lambda rows: rows[1:],
    "the last row is deleted": lambda rows: rows[:-1],
    "a row is repeated": lambda rows: [rows[0], *rows],
    "a late row is inserted": lambda rows: [*rows, *days(3, users="c")],
    "rows are reordered": lambda rows: rows[::-1],
    "a row was created later": lambda rows: [
        rows[0] | {"created_timestamp": datetime(2020, 2, 1, tzinfo=UTC)},
        *rows[1:],
    ],
    "a row happened earlier": lambda rows: [
        *rows[:-1],
        rows[-1] | {"event_timestamp": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("place", ["an earlier row group", "the last row group"])
def test_a_table_whose_past_rows_are_others_is_read_from_the_beginning(fill, write, edit, place):
    first, last = days(1, 2), days(3, 4)
    fill(4, write(first, last))

    if place == "the last row group":
        changed = write(first, [*EDITS[edit](last), *days(5)])
    else:
        changed = write(EDITS[edit](first), [*last, *days(5)])

    assert fill(5, changed) == BEGINNING


def test_rows_that_were_in_the_future_may_change(fill, write):
    fill(3, write(days(1, 2), days(3, 4), days(5)))

    assert fill(5, write(days(1, 2), [*days(3), *days(4, value=7.0)], days(5, users="cd"))) == day(3)


@pytest.mark.parametrize(
    "groups",
    [
        [days(1, 2, 3, 4), days(5)],
        [days(1), days(2), days(3, 4, 5)],
        [days(1, 2, 3), days(4, 5)],
    ],
    ids=["joined", "split", "moved"],
)
def test_the_same_rows_in_other_row_groups_are_read_from_the_beginning(fill, write, groups):
    fill(4, write(days(1, 2), days(3, 4)))

    assert fill(5, write(*groups)) == BEGINNING


@pytest.mark.parametrize(
    "options",
    [{"compression": "zstd"}, {"compression_level": 9, "compression": "gzip"}, {"use_dictionary": False}],
    ids=str,
)
def test_the_same_rows_encoded_otherwise_are_read_from_the_beginning(fill, write, options):
    many = [days(number, users=[f"user {user}" for user in range(99)]) for number in (1, 2)]
    fill(3, write(*many, days(3)))

    assert fill(4, write(*many, days(3, 4), **options)) == BEGINNING


def test_the_mark_of_a_build_does_not_matter(fill, write):
    from features.table_origin import mark

    fill(4, write(days(1, 2), days(3, 4), schema=mark(SCHEMA, "build 1")))

    assert fill(5, write(days(1, 2), days(3, 4, 5), schema=mark(SCHEMA, "build 2"))) == day(4)


def test_statistics_are_not_needed(fill, write):
    fill(4, write(days(1, 2), days(3, 4), write_statistics=False))

    assert fill(5, write(days(1, 2), days(3, 4, 5), write_statistics=False)) == day(4)


@pytest.mark.parametrize(
    "columns",
    [SCHEMA.append(pa.field("more", pa.int64())), SCHEMA.set(0, pa.field("user_id", pa.string(), nullable=False))],
    ids=["one more", "never null"],
)
def test_a_table_with_other_columns_is_read_from_the_beginning(fill, write, columns):
    fill(4, write(days(1, 2), days(3, 4)))

    assert fill(5, write(days(1, 2), days(3, 4, 5), schema=columns)) == BEGINNING


def test_rows_of_several_buckets_of_users_are_windows(fill, write):
    def bucket(users, last):
        return [days(1, 2, users=users), days(*range(3, last + 1), users=users)]

    fill(3, write(*bucket("ab", 3), *bucket("cd", 3), *bucket("ef", 3)))

    assert fill(4, write(*bucket("ab", 4), *bucket("cd", 4), *bucket("ef", 4))) == day(3)
    assert fill(5, write(*bucket("ab", 5), *bucket("dc", 5), *bucket("ef", 5))) == BEGINNING


@pytest.mark.parametrize(
    ("unit", "zone"), [("us", None), ("ns", "UTC"), ("ms", "UTC"), ("us", "Europe/Stockholm")], ids=str
)
def test_other_types_of_event_timestamps_are_compared_as_a_whole(fill, write, unit, zone):
    schema = SCHEMA.set(3, pa.field("event_timestamp", pa.timestamp(unit, zone)))

    fill(4, write(days(1, 2), days(3, 4), schema=schema))
    assert fill(5, write(days(1, 2), days(3, 4), schema=schema)) == day(4)
    assert fill(6, write(days(1, 2), days(3, 4, 5), schema=schema)) == BEGINNING


def test_rows_without_event_timestamp_are_no_past_rows(fill, write):
    fill(4, write(days(1, 2), days(3, 4)))

    assert fill(5, write(days(1, 2), [*days(3, 4), *days(None), *days(5)], days(None))) == day(4)
    assert fill(6, write(days(1, 2), [*days(3, 4, 5, 6), *days(None)])) == day(5)


def test_an_empty_table_is_a_beginning(fill, write):
    fill(3, write([]))

    assert fill(4, write(days(4))) == day(3)
    assert fill(5, write([])) == BEGINNING
    assert fill(6, write(days(2))) == BEGINNING


def test_a_table_of_which_too_much_would_be_decoded_is_compared_as_a_whole(fill, write, monkeypatch):
    from features.store import past_rows

    monkeypatch.setattr(past_rows, "_DECODED_BYTES", 0)

    fill(3, write(days(1, 2), days(3)))
    assert fill(4, write(days(1, 2), days(3))) == day(3)
    assert fill(5, write(days(1, 2), days(3, 4))) == BEGINNING
    many = [days(number) for number in range(1, 10)]
    fill(9, write(*many))
    assert fill(10, write(*many, days(10))) == day(9)


def test_a_folder_with_one_more_file_is_read_from_the_previous_moment_on(fill):
    def write(*files, second=1.0):
        def write(folder):
            shutil.rmtree(folder, ignore_errors=True)
            for number in files:
                write_table(folder / f"{number}.parquet", [days(number, value=second if number == 2 else 1.0)])

        return write

    assert fill(2, write(1, 2)) == BEGINNING
    assert fill(3, write(1, 2, 3)) == day(2)
    assert fill(4, write(1, 2, 3, 4)) == day(3)
    assert fill(5, write(1, 3, 4, 5)) == BEGINNING
    assert fill(6, write(1, 2, 3, 4, 5, 6)) == BEGINNING
    assert fill(7, write(1, 2, 3, 4, 5, 6, 7, second=2.0)) == BEGINNING


def test_a_folder_of_files_with_different_columns_is_compared_as_a_whole(fill):
    def write(*more):
        def write(folder):
            for number in (1, 2, *more):
                schema = SCHEMA if number == 1 else SCHEMA.append(pa.field("more", pa.int64()))
                write_table(folder / f"{number}.parquet", [days(number)], schema)

        return write

    assert fill(2, write()) == BEGINNING
    assert fill(3, write()) == day(2)
    assert fill(4, write(3)) == BEGINNING


def test_columns_in_the_names_of_folders_are_part_of_the_rows(fill):
    def write(*countries):
        def write(folder):
            shutil.rmtree(folder, ignore_errors=True)
            for number, country in enumerate(countries, 1):
                write_table(folder / f"country={country}" / "rows.parquet", [days(number)])

        return write

    fill(2, write("a", "b"))
    assert fill(3, write("a", "b", "c")) == day(2)
    assert fill(4, write("a", "c", "d", "e")) == BEGINNING


def test_a_damaged_file_is_named_and_a_file_that_is_mended_is_read(fill, write, tmp_path):
    fill(3, write(days(1, 2), days(3)))

    def damage(path):
        write_table(path, [days(1, 2), days(3, 4)])
        path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(InputError, match=r"numbers\.parquet is damaged"):
        fill(4, damage)
    assert fill(4, write(days(1, 2), days(3, 4))) == day(3)


def test_a_table_without_later_rows_is_decoded_in_its_last_row_group_only(tmp_path, monkeypatch):
    from features.store import past_rows

    def digests(*groups):
        table = write_table(tmp_path / "numbers.parquet", groups)
        past = past_rows.PastRows([open_small_store(tmp_path / "store", table).get_feature_view(VIEW)])
        past.sha256(table)
        decoded.clear()
        return past.digests([day(3), day(4)])

    decoded = []
    row_digests = past_rows._row_digests
    monkeypatch.setattr(
        past_rows,
        "_row_digests",
        lambda group, *arguments: decoded.append(group.number) or row_digests(group, *arguments),
    )

    first = digests(days(1), days(2), days(3))
    assert decoded == [2]
    second = digests(days(1), days(2), days(3, 4), days(5))
    assert decoded == [2]
    assert first[day(3)] == second[day(3)]
    assert first[day(3)] == first[day(4)] != second[day(4)]
