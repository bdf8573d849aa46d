"""Whatever happens to a table between two materializations, the rows online are those of one from scratch."""

import random
import shutil
from pathlib import Path

import pytest
from fixtures.small_store import VIEW, day, open_small_store, row, small_rows, write_table
from hypothesis import given, settings
from hypothesis import strategies as st

USERS = ("a", "b", "c")
VALUES = (0.0, -0.0, 1.0, float("nan"), None)
LISTS = (None, (), ("",), ("ab",), ("a", "b"), ("a", None))
EARLY, LATE = 4, 6


def random_row(chance, days):
    number = chance.choice(days)
    created = None if number is None else number + chance.choice([0, 0, -1, 3])
    return row(chance.choice(USERS), number, chance.choice(VALUES), chance.choice(LISTS), created)


def by_time(rows):
    return sorted(rows, key=lambda row: row["event_timestamp"] or day(9))


def edited(chance, rows, edits):
    """Rows with one more day, after a number of random edits."""
    rows = list(rows)
    for _ in range(edits):
        position = chance.randrange(len(rows) + 1)
        kind = chance.choice(["insert", "delete", "replace", "change", "swap"])
        if kind == "insert":
            rows = by_time([*rows, random_row(chance, [*range(1, 8), None])])
        elif kind == "swap":
            rows[position : position + 2] = rows[position : position + 2][::-1]
        elif position < len(rows):
            kept = {"delete": [], "replace": [random_row(chance, range(1, 8))]}
            changed = [rows[position] | {"value": chance.choice(VALUES)}]
            rows[position : position + 1] = kept.get(kind, changed)
    return [*rows, *(random_row(chance, [LATE, LATE + 1]) for _ in range(chance.choice([0, 1, 3])))]


def grouped(rows, size):
    return [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]


def write(folder, rows, size, files, **options):
    """Write rows as a folder of files, in row groups of one size."""
    shutil.rmtree(folder, ignore_errors=True)
    for number, part in enumerate(grouped(rows, -(-len(rows) // files) or 1)):
        write_table(folder / f"{number}.parquet", grouped(part, size), **options)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two stores of one table."""
    folder = tmp_path_factory.mktemp("edited")
    return [open_small_store(folder / name, folder / "table") for name in ("windows", "scratch")]


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 2**32),
    edits=st.sampled_from([0, 1, 1, 1, 3]),
    size=st.sampled_from([1, 2, 3, 5]),
    files=st.sampled_from([1, 1, 1, 2]),
    same=st.sampled_from([True, True, True, False]),
)
def test_rows_online_are_those_of_a_materialization_from_scratch(stores, seed, edits, size, files, same):
    from features.store.materialization import fill_online_store

    chance, windows, scratch = random.Random(seed), *stores  # noqa: S311
    table = Path(windows.get_feature_view(VIEW).batch_source.path)
    rows = by_time([random_row(chance, range(1, 7)) for _ in range(chance.randint(0, 9))])

    write(table, rows, size, files)
    fill_online_store(windows, day(EARLY), from_scratch=True)
    others = {} if same else {"compression": "zstd", "use_dictionary": False}
    write(table, edited(chance, rows, edits), size if same else size + 1, files, **others)
    fill_online_store(windows, day(LATE), from_scratch=False)
    fill_online_store(scratch, day(LATE), from_scratch=True)

    assert small_rows(windows) == small_rows(scratch)
