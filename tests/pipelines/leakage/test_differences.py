"""Two answers compared: which column of which view differs, in how many rows, and which are the first."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.parquet_rows import ParquetRows
from pipelines.leakage import differences
from pipelines.leakage.differences import Answer, Comparison, Difference, DifferentRow, compare

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


def answer(rows):
    table = rows if isinstance(rows, ParquetRows) else pa.Table.from_pylist(rows, SCHEMA)
    return Answer("how it sells", table, KEYS, VIEWS)


def changed(row, **values):
    return [{**old, **values} if number == row else old for number, old in enumerate(ROWS)]


def difference(view, column, *rows):
    return Difference("how it sells", view, column, KEYS, len(rows), tuple(DifferentRow(*row) for row in rows))


def test_equal_answers_differ_nowhere_and_nan_and_null_equal_themselves():
    assert compare(answer(ROWS), answer(ROWS)) == Comparison("how it sells", rows=5, columns=6, differences=())


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
def test_a_changed_value_is_named_with_what_it_was(row, values, expected):
    assert compare(answer(ROWS), answer(changed(row, **values))).differences == (expected,)


def test_floats_are_compared_to_the_bit():
    assert compare(answer(ROWS), answer(changed(2, sales=-0.0))).differences[0].count == 1
    assert compare(answer(ROWS), answer(changed(0, sales=0.5 + 2**-24))).differences[0].count == 1
    assert compare(answer(ROWS), answer(changed(4, counts=[None, -0.0]))).differences[0].count == 1
    [nan] = compare(answer(ROWS), answer(changed(3, sales=None))).differences
    assert (nan.column, nan.rows[0].key, nan.rows[0].found) == ("sales", ("c", 1), None)


def test_a_row_too_many_shifts_the_others_and_their_values_are_not_compared():
    more = [ROWS[0], {**ROWS[0], "day": 9}, *changed(1, colour="green")[1:]]

    told = compare(answer(ROWS), answer(more))

    assert told.rows == 1
    assert told.differences == (
        Difference(
            "how it sells",
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
def test_rows_that_one_answer_lacks_at_its_end_are_named(swapped):
    long, short = answer(ROWS), answer(ROWS[:2])

    told = compare(short, long) if swapped else compare(long, short)

    assert told.rows == 2
    [missing] = told.differences
    assert (missing.column, missing.count) == ("item_id, day", 3)
    assert [row.found if swapped else row.expected for row in missing.rows] == [("b", 1), ("c", 1), ("d", 1)]
    assert [row.expected if swapped else row.found for row in missing.rows] == [None] * 3


def test_an_answer_without_rows_differs_from_one_with_rows():
    assert compare(answer([]), answer([])).differences == ()
    assert compare(answer([]), answer(ROWS)).differences[0].count == 5


def test_files_are_compared_a_part_at_a_time_wherever_their_row_groups_end(tmp_path, monkeypatch):
    monkeypatch.setattr(differences, "ROWS_PER_BATCH", 3)
    monkeypatch.setattr("features.parquet_rows.ROWS_PER_BATCH", 2)
    rows = [{**ROWS[0], "day": day, "sales": float(day)} for day in range(20)]
    others = [{**row, "sales": row["sales"] + (row["day"] % 2)} for row in rows]
    for name, content, group in (("one", rows, 7), ("other", others, 4)):
        pq.write_table(pa.Table.from_pylist(content, SCHEMA), tmp_path / f"{name}.parquet", row_group_size=group)

    told = compare(answer(ParquetRows((tmp_path / "one.parquet",))), answer(ParquetRows((tmp_path / "other.parquet",))))

    assert told.rows == 20
    [sales] = told.differences
    assert sales.count == 10
    # Only the first five are kept.
    assert sales.rows == tuple(DifferentRow(("a", day), float(day), day + 1.0) for day in (1, 3, 5, 7, 9))
