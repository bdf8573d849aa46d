import pytest

from features.text import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 users"), (1, "1 user"), (2, "2 users"), (1_200, "1,200 users"), (-1, "-1 users")]
)
def test_a_noun_is_singular_after_1_only(number, text):
    assert counted(number, "user") == text
