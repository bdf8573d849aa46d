import pytest

from features.report_table import ReportTable

TABLE = ReportTable.of(["", "recall", "users"], [["towers", "0.25", 1], ["popularity", None, 20]], [""])


def test_cells_are_text_and_none_is_empty():
    assert TABLE.rows == (("towers", "0.25", "1"), ("popularity", "", "20"))
    assert TABLE.column("recall") == ["0.25", ""]


def test_markdown_aligns_numbers_right():
    assert TABLE.markdown().splitlines() == [
        "|  | recall | users |",
        "| --- | ---: | ---: |",
        "| towers | 0.25 | 1 |",
        "| popularity |  | 20 |",
    ]


@pytest.mark.parametrize(("rows", "text_columns"), [([[1, 2]], []), ([[1]], ["name"])])
def test_a_row_of_another_length_and_an_unknown_text_column_are_refused(rows, text_columns):
    with pytest.raises(ValueError, match=r"cells|name"):
        ReportTable.of(["rank"], rows, text_columns)


def test_text_has_dashes_below_the_header_and_numbers_aligned_right():
    assert TABLE.text().splitlines() == [
        "            recall  users",
        "----------- ------- -----",
        "towers        0.25      1",
        "popularity             20",
    ]


def test_text_is_wrapped_to_the_width_and_header_lines_stay_apart():
    table = ReportTable.of(["name", "recall\n@100"], [["a name of some words", "0.25"]], ["name"])

    assert table.text(20).splitlines() == [
        "              recall",
        "name            @100",
        "------------- ------",
        "a name of       0.25",
        "some words",
    ]
    assert "\x1b[1mname" in table.text(styled=True)
    assert "\x1b" not in table.text()
