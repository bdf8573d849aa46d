import pytest

from features.text import counted, visible, visible_lines


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 users"), (1, "1 user"), (2, "2 users"), (1_200, "1,200 users"), (-1, "-1 users")]
)
def test_a_noun_is_singular_after_1_only(number, text):
    assert counted(number, "user") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Größe 38", "Größe 38"),
        ("two\nlines\r\ttab", "two\\nlines\\r\\ttab"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("abc\u202etxt.exe\u2066x\u2069", "abc\\u202etxt.exe\\u2066x\\u2069"),
        ("\u200e\u200f\ufeff\u2028", "\\u200e\\u200f\\ufeff\\u2028"),
        ("a\0b\x9b31m", "a\\x00b\\x9b31m"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("no-break\xa0space\u3000", "no-break\xa0space\u3000"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_execute_is_escaped(text, shown):
    assert visible(text) == shown


def test_lines_stay_lines():
    assert visible_lines("a\n\x1bb") == "a\n\\x1bb"
