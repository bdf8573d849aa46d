import re

from evaluation.report.drawing import drawn
from evaluation.report.palette import CARD, COLOURS, SERIES


def draw(axes):
    axes.plot([0, 1], [0, 1], color=SERIES[0].light, marker="o")
    axes.text(0, 0, "<b>$5 & up$</b> --> 日本")


def svg_of(draw, salt="a"):
    return drawn(draw, salt, (300, 200), (40, 10, 30, 10))


def test_a_drawing_is_one_svg_element_of_the_size_asked_for():
    svg = svg_of(draw)

    assert svg.startswith('<svg viewBox="0 0 300 200">')
    assert svg.endswith("</svg>")
    assert svg.count("<svg") == 1


def test_text_stays_text_and_is_escaped():
    assert "&lt;b&gt;$5 &amp; up$&lt;/b&gt; --&gt; 日本</text>" in svg_of(draw)


def test_colours_are_variables_of_the_page():
    svg = svg_of(draw)

    assert "stroke: var(--blue)" in svg
    assert re.findall(r"(?<!url\()#[0-9a-f]{6}\b", svg) == []


def test_a_drawing_holds_no_date_no_address_and_no_style_sheet():
    svg = svg_of(draw)

    assert re.findall("http|<style|<metadata|<script|@import|font-family", svg) == []


def test_the_same_drawing_gives_the_same_text():
    assert svg_of(draw) == svg_of(draw)


def test_drawings_on_one_page_refer_to_nothing_in_each_other():
    ids = [set(re.findall(r'id="([^"]*)"', svg_of(draw, salt))) for salt in ("a", "b")]

    assert len(ids[0]) > 0
    assert ids[0] & ids[1] == set()


def _luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(colour, other):
    """WCAG 2.1, contrast ratio."""
    low, high = sorted((_luminance(colour), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_lines_stand_out_from_the_card_in_light_and_dark():
    assert _contrast("#000000", "#ffffff") == 21
    assert [colour.name for colour in SERIES if _contrast(colour.light, CARD.light) < 3] == []
    assert [colour.name for colour in SERIES if _contrast(colour.dark, CARD.dark) < 3] == []


def test_words_can_be_read_in_light_and_dark():
    for name in ("ink", "soft"):
        (colour,) = (colour for colour in COLOURS if colour.name == name)
        assert _contrast(colour.light, CARD.light) > 4.5
        assert _contrast(colour.dark, CARD.dark) > 4.5


def test_colours_can_be_told_apart_by_name_and_value():
    assert len({colour.name for colour in COLOURS}) == len({colour.light for colour in COLOURS}) == len(COLOURS)
