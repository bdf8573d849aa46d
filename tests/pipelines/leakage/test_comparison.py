"""Two snapshots compared: which column of which view differs, in how many rows, and which are the first."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.parquet_rows import ParquetRows
from pipelines.leakage import comparison
from pipelines.leakage.comparison import Difference, DifferentRow, Snapshot, SnapshotComparison, compare

KEYS = ("item_id", "day")
VIEWS = {
    "item_id": "catalog", "day": "catalog", "colour": "catalog", "sales": "daily", "recent": "daily", "counts": "daily"
}  # fmt: skip
ROWS = [
    {"item_id": "a", "day": 1, "colour": "red", "sales": 0.5, "recent": ["x", "y"], "counts": [2.0, 1.0]},
    {"item_id": "a", "day": 2, "colour": None, "sales": None, "recent": None, "counts": None},
    {"item_id": "b", "day": 1, "colour": "", "sales": 0.0, "recent": [], "counts": []},
    {"item_id": "c", "day": 1, "colour": "blue", "sales": float("nan"), "recent": ["x"], "counts": [float("nan")]},
    {"item_id": "d", "day": 1, "colour": "blue", "sales": 1.0, "recent": [None, "x"], "counts": [None, 0.0]},
]
SCHEMA = pa.schema(
    {
        "item_id": pa.string(),
        "day": pa.int32(),
        "colour": pa.string(),
        "sales": pa.float32(),
        "recent": pa.list_(pa.string()),
        "counts": pa.list_(pa.float32()),
    }
)


def snapshot(rows):
    table = rows if isinstance(rows, ParquetRows) else pa.Table.from_pylist(rows, SCHEMA)
    return Snapshot("sales", table, KEYS, VIEWS)


def changed(row, **values):
    return [{**old, **values} if number == row else old for number, old in enumerate(ROWS)]


def difference(view, column, *rows):
    return Difference("sales", view, column, KEYS, len(rows), tuple(DifferentRow(*row) for row in rows))


def test_equal_snapshots_have_no_differences_and_nan_and_null_equal_themselves():
    assert compare(snapshot(ROWS), snapshot(ROWS)) == SnapshotComparison("sales", rows=5, columns=6, differences=())


@pytest.mark.parametrize(
    ("row", "values", "expected"),
    [
        (0, {"colour": "blue"}, difference("catalog", "colour", (("a", 1), "red", "blue"))),
        (1, {"colour": ""}, difference("catalog", "colour", (("a", 2), None, ""))),
        (0, {"sales": None}, difference("daily", "sales", (("a", 1), 0.5, None))),
        (1, {"sales": 0.0}, difference("daily", "sales", (("a", 2), None, 0.0))),
        (1, {"recent": []}, difference("daily", "recent", (("a", 2), None, []))),
        (0, {"recent": ["x", "z", "y"]}, difference("daily", "recent", (("a", 1), ["y"], ["z", "y"]))),
        (0, {"recent": ["x", "z"]}, difference("daily", "recent", (("a", 1), ["y"], ["z"]))),
        (4, {"recent": ["", "x"]}, difference("daily", "recent", (("d", 1), [None, "x"], ["", "x"]))),
        (0, {"counts": [2.0, 3.0]}, difference("daily", "counts", (("a", 1), [1.0], [3.0]))),
        (0, {"counts": [2.0]}, difference("daily", "counts", (("a", 1), [1.0], []))),
        (1, {"counts": []}, difference("daily", "counts", (("a", 2), None, []))),
        (4, {"counts": [0.0, 0.0]}, difference("daily", "counts", (("d", 1), [None, 0.0], [0.0, 0.0]))),
        (2, {"recent": list("abcdefg")}, difference("daily", "recent", (("b", 1), [], ["a", "b", "c", "d", "e"]))),
    ],
)
def test_a_changed_value_is_reported_with_its_column_and_key(row, values, expected):
    assert compare(snapshot(ROWS), snapshot(changed(row, **values))).differences == (expected,)


def test_floats_are_compared_to_the_bit():
    assert compare(snapshot(ROWS), snapshot(changed(2, sales=-0.0))).differences[0].count == 1
    assert compare(snapshot(ROWS), snapshot(changed(0, sales=0.5 + 2**-24))).differences[0].count == 1
    assert compare(snapshot(ROWS), snapshot(changed(4, counts=[None, -0.0]))).differences[0].count == 1
    [nan] = compare(snapshot(ROWS), snapshot(changed(3, sales=None))).differences
    assert (nan.column, nan.rows[0].key, nan.rows[0].found) == ("sales", ("c", 1), None)


def test_from_the_first_row_with_different_keys_on_values_are_not_compared():
    more = [ROWS[0], {**ROWS[0], "day": 9}, *changed(1, colour="green")[1:]]

    result = compare(snapshot(ROWS), snapshot(more))

    assert result.rows == 1
    assert result.differences == (
        Difference(
            "sales",
            "catalog",
            "item_id, day",
            KEYS,
            count=5,
            rows=(
                DifferentRow((), ("a", 2), ("a", 9)),
                DifferentRow((), ("b", 1), ("a", 2)),
                DifferentRow((), ("c", 1), ("b", 1)),
                DifferentRow((), ("d", 1), ("c", 1)),
                DifferentRow((), None, ("d", 1)),
            ),
        ),
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_rows_missing_at_the_end_are_reported(swapped):
    long, short = snapshot(ROWS), snapshot(ROWS[:2])

    result = compare(short, long) if swapped else compare(long, short)

    assert result.rows == 2
    [missing] = result.differences
    assert (missing.column, missing.count) == ("item_id, day", 3)
    assert [row.found if swapped else row.expected for row in missing.rows] == [("b", 1), ("c", 1), ("d", 1)]
    assert [row.expected if swapped else row.found for row in missing.rows] == [None] * 3


def test_an_empty_snapshot_differs_from_one_with_rows():
    assert compare(snapshot([]), snapshot([])).differences == ()
    assert compare(snapshot([]), snapshot(ROWS)).differences[0].count == 5


def test_files_with_different_row_groups_are_compared_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "ROWS_PER_BATCH", 3)
    monkeypatch.setattr("features.parquet_rows.ROWS_PER_BATCH", 2)
    rows = [{**ROWS[0], "day": day, "sales": float(day)} for day in range(20)]
    others = [{**row, "sales": row["sales"] + (row["day"] % 2)} for row in rows]
    for name, content, group in (("one", rows, 7), ("other", others, 4)):
        pq.write_table(pa.Table.from_pylist(content, SCHEMA), tmp_path / f"{name}.parquet", row_group_size=group)

    result = compare(
        snapshot(ParquetRows((tmp_path / "one.parquet",))), snapshot(ParquetRows((tmp_path / "other.parquet",)))
    )

    assert result.rows == 20
    [sales] = result.differences
    assert sales.count == 10
    # Only the first five rows are reported.
    assert sales.rows == tuple(DifferentRow(("a", day), float(day), day + 1.0) for day in (1, 3, 5, 7, 9))
