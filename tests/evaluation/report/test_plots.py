import re
from itertools import pairwise

from evaluation.report.plots import Bar, Line, Mark, Row, RowLayout, interval_mark, line_plot, row_plot
from evaluation.report.styles import BASELINE, SERIES, ModelStyle


def line(label, *values, role="baseline"):
    return Line(ModelStyle(label, label, role, SERIES[0], (), "o"), values)


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def marks(svg):
    """The fill colours of points, in the order of drawing."""
    return re.findall(r"<use [^>]*style=\"fill: var\(--(\w+)\)", svg)


def test_the_legend_lists_lines_by_their_last_value():
    lines = [line("low", 0.5, 0.1), line("gap", 0.3, None), line("high", 0.2, 0.4), line("empty", None, None)]

    svg = line_plot(lines, {0: "a", 1: "b"}, "x", "test")

    assert [text for text in texts(svg) if re.search("low|gap|high|empty", text)] == [
        "40.0\xa0% high", "30.0\xa0% gap", "10.0\xa0% low"
    ]  # fmt: skip


def test_legend_entries_do_not_overlap_however_many_and_close_the_lines_are():
    svg = line_plot([line(f"line {number}", 0.5) for number in range(20)], {0: "a"}, "x", "test")

    heights = sorted(float(y) for y in re.findall(r' y="([\d.]+)"[^>]*>50\.0\u00a0% line', svg))
    assert len(heights) == 20
    assert min(after - before for before, after in pairwise(heights)) > 12


def test_the_y_axis_starts_at_zero_by_default():
    axis = {"value_format": "{:g}".format, "tick_format": "{:g}".format}

    assert "0" in texts(line_plot([line("loss", 8.0, 7.5)], {0: "", 1: ""}, "x", "test", **axis))
    ticks = texts(line_plot([line("loss", 8.0, 7.5)], {0: "", 1: ""}, "x", "test", **axis, from_zero=False))
    assert "8" in ticks
    assert "0" not in ticks


def test_rows_have_headings_names_and_notes_from_top_to_bottom():
    rows = [
        Row("first", (interval_mark([1, 0, 2], BASELINE, hollow=False),), "note 1", heading="heading 1"),
        Row("second " * 10, (None,), "note 2", bold=True),
    ]

    svg = row_plot(rows, "x label", "test", RowLayout(characters=8))

    shown = [text for text in texts(svg) if re.search("[a-z]", text)]
    assert shown == ["x label", "heading 1", "first", "note 1", "second…", "note 2"]


def test_hollow_points_have_the_colour_of_the_background():
    rows = [Row("row", tuple(interval_mark([1, 0, 2], SERIES[0], hollow=hollow) for hollow in (True, False)))]

    assert marks(row_plot(rows, "x", "test", RowLayout())) == ["card", "blue"]


def test_intervals_are_scaled():
    assert interval_mark([0.01, -0.02, 0.04], SERIES[0], hollow=False, scale=100) == Mark(
        SERIES[0], (-2.0, 4.0), ((1.0, False),)
    )


def test_bars_have_texts_if_there_is_room():
    bars = (Bar(0.8, SERIES[0], text="80 %"), Bar(0.05, SERIES[1], left=0.8, text="5 %"))

    svg = row_plot([Row("row", (Mark(BASELINE, bars=bars),))], "x", "test", RowLayout(limits=(0, 1)))

    assert "80 %" in texts(svg)
    assert "5 %" not in texts(svg)
