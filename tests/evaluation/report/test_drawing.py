import re

from evaluation.report.drawing import draw_svg
from evaluation.report.styles import CARD, COLOURS, SERIES


def draw(axes):
    axes.plot([0, 1], [0, 1], color=SERIES[0].light, marker="o")
    axes.text(0, 0, "<b>$5 & up$</b> --> 日本")


def svg_of(draw, name="a"):
    return draw_svg(draw, name, (300, 200), (40, 10, 30, 10))


def test_a_drawing_is_one_svg_element_of_the_given_size():
    svg = svg_of(draw)

    assert svg.startswith('<svg viewBox="0 0 300 200">')
    assert svg.endswith("</svg>")
    assert svg.count("<svg") == 1


def test_text_is_kept_as_escaped_text():
    assert "&lt;b&gt;$5 &amp; up$&lt;/b&gt; --&gt; 日本</text>" in svg_of(draw)


def test_colours_are_variables_of_the_page():
    svg = svg_of(draw)

    assert "stroke: var(--blue)" in svg
    assert re.findall(r"(?<!url\()#[0-9a-f]{6}\b", svg) == []


def test_a_drawing_contains_no_date_address_script_style_sheet_or_font():
    assert re.findall("http|<style|<metadata|<script|@import|font-family", svg_of(draw)) == []


def test_drawings_are_deterministic():
    assert svg_of(draw) == svg_of(draw)


def test_ids_of_different_drawings_are_different():
    ids = [set(re.findall(r'id="([^"]*)"', svg_of(draw, name))) for name in ("a", "b")]

    assert len(ids[0]) > 0
    assert ids[0] & ids[1] == set()


def _luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(colour, other):
    """The contrast ratio of WCAG 2.1."""
    low, high = sorted((_luminance(colour), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_lines_have_a_contrast_of_3_to_the_background():
    assert _contrast("#000000", "#ffffff") == 21
    assert [colour.name for colour in SERIES if _contrast(colour.light, CARD.light) < 3] == []
    assert [colour.name for colour in SERIES if _contrast(colour.dark, CARD.dark) < 3] == []


def test_text_has_a_contrast_of_4_5_to_the_background():
    for name in ("ink", "soft"):
        (colour,) = (colour for colour in COLOURS if colour.name == name)
        assert _contrast(colour.light, CARD.light) > 4.5
        assert _contrast(colour.dark, CARD.dark) > 4.5


def test_colours_have_unique_names_and_values():
    assert len({colour.name for colour in COLOURS}) == len({colour.light for colour in COLOURS}) == len(COLOURS)
