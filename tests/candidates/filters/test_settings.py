import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from candidates.filters.settings import FilterSettings, read_settings
from features.errors import InputError
from features.ids import BLANKS

ALL_SETTINGS = """
already_bought = "cool-down"
cool_down_days = 28
for_sale = false
blocked_items = ["0108775015", "0108775044", "0108775015"]
blocked_categories = ["Under-, Nightwear"]
channel = "2"
age_limit = false
at_most_per_department = 10
unsold_days = 56.5
[cool_down_days_by_category]
"Grocery" = 5
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "filters.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def error_of(write):
    """The error message for a file, without the path at its start."""

    def error_of(text):
        path = write(text)
        with pytest.raises(InputError) as caught:
            read_settings(path)
        assert str(caught.value).startswith(str(path))
        return str(caught.value).removeprefix(str(path))

    return error_of


def test_by_default_items_that_are_not_for_sale_and_the_age_limit_are_in_force():
    assert FilterSettings().to_json() == {
        "already_bought": "keep",
        "cool_down_days": None,
        "cool_down_days_by_category": {},
        "for_sale": True,
        "blocked_items": [],
        "blocked_categories": [],
        "channel": None,
        "age_limit": True,
        "at_most_per_department": None,
        "unsold_days": None,
    }


def test_an_empty_file_gives_the_defaults(write):
    assert read_settings(write("# nothing yet\n")) == FilterSettings()


def test_a_file_may_contain_every_setting_and_repeated_ids_count_once(write):
    assert read_settings(write(ALL_SETTINGS)) == FilterSettings(
        already_bought="cool-down",
        cool_down_days=28,
        cool_down_days_by_category={"Grocery": 5},
        for_sale=False,
        blocked_items=("0108775015", "0108775044"),
        blocked_categories=("Under-, Nightwear",),
        channel="2",
        age_limit=False,
        at_most_per_department=10,
        unsold_days=56.5,
    )


def test_a_file_may_begin_with_a_byte_order_mark(write):
    assert not read_settings(write(b"\xef\xbb\xbffor_sale = false\n")).for_sale


def test_days_to_cool_down_may_stay_in_the_file_while_the_filter_is_off(write):
    settings = read_settings(write('already_bought = "keep"\ncool_down_days = 28\n'))

    assert (settings.already_bought, settings.cool_down_days) == ("keep", 28)


days = st.floats(1, 400, width=32, exclude_min=True) | st.integers(2, 400)
names = st.text(min_size=1, max_size=5)
ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=5).filter(
    lambda text: text == text.strip(BLANKS)
)


@given(
    st.builds(
        FilterSettings,
        already_bought=st.sampled_from(["keep", "drop", "cool-down"]),
        cool_down_days=st.just(0) | days,
        cool_down_days_by_category=st.dictionaries(
            names.filter(lambda name: name != "channel"), st.just(0) | days, max_size=3
        ),
        for_sale=st.booleans(),
        blocked_items=st.lists(ids, unique=True, max_size=3).map(tuple),
        blocked_categories=st.lists(names, unique=True, max_size=3).map(tuple),
        channel=st.none() | names,
        age_limit=st.booleans(),
        at_most_per_department=st.none() | st.integers(1, 50),
        unsold_days=st.none() | days,
    )
)
def test_settings_survive_a_round_trip_through_json(settings):
    assert FilterSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_settings_that_are_missing_in_json_have_their_default():
    assert FilterSettings.from_json({"already_bought": "drop"}) == FilterSettings(already_bought="drop")


def test_settings_are_frozen_and_a_copy_with_changes_is_validated():
    settings = FilterSettings(channel="2")

    with pytest.raises(ValidationError, match="frozen"):
        settings.channel = "3"
    assert settings.replace(for_sale=False) == FilterSettings(channel="2", for_sale=False)
    with pytest.raises(ValidationError, match="unsold_days"):
        settings.replace(unsold_days=0)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("for_sail = true", ["'for_sail'", "did you mean 'for_sale'?"]),
        ("zzz = 1", ["'zzz'", *FilterSettings.model_fields]),
        ('already_bought = "hide"', ["already_bought is 'hide'", "'keep', 'drop' or 'cool-down'"]),
        ('already_bought = "cool-down"', ["already_bought is 'cool-down'", "cool_down_days"]),
        ("cool_down_days = -1", ["cool_down_days is -1", "0, or more than 1", "100,000"]),
        ("cool_down_days = nan", ["cool_down_days is nan"]),
        ("cool_down_days = true", ["cool_down_days is True", "number"]),
        ("cool_down_days = 1", ["cool_down_days is 1", "0, or more than 1", "100,000"]),
        ("unsold_days = 1", ["unsold_days is 1", "greater than 1", "unsold_days = 56"]),
        ("unsold_days = 0", ["unsold_days is 0", "greater than 1"]),
        ("unsold_days = inf", ["unsold_days is inf"]),
        ('for_sale = "yes"', ["for_sale is 'yes'", "true or false"]),
        ("age_limit = 1", ["age_limit is 1", "true or false"]),
        (
            "blocked_items = [108775015]",
            ["blocked_items[0] is 108775015", "text in quotes", 'blocked_items = ["0108775015"]'],
        ),
        ('blocked_categories = "Shoes"', ["blocked_categories is 'Shoes'", "list", 'blocked_categories = ["Shoes"]']),
        ("blocked_categories = [[]]", ["blocked_categories[0] is []", "text in quotes"]),
        ("channel = 2", ["channel is 2", "text in quotes", 'channel = "2"']),
        ('channel = ""', ["channel is ''", "must not be empty"]),
        ("at_most_per_department = 0", ["at_most_per_department is 0", "greater than or equal to 1"]),
        ("at_most_per_department = 2.5", ["at_most_per_department is 2.5", "whole number"]),
        ("at_most_per_department = true", ["at_most_per_department is True", "whole number"]),
        ("cool_down_days_by_category = 5", ["cool_down_days_by_category is 5", "table"]),
        (
            "[cool_down_days_by_category]\nGrocery = -5",
            ["cool_down_days_by_category.'Grocery' is -5", "0, or more than 1", "100,000"],
        ),
        (
            "[cool_down_days_by_category]\nGrocery = 5\nunsold_days = 56",
            ["unsold_days is below the line [cool_down_days_by_category]"],
        ),
        ("channel = 2\nfor_sail = true", ["channel is 2", "did you mean 'for_sale'?"]),
    ],
)
def test_an_invalid_setting_is_rejected_with_its_name_its_value_and_what_is_expected(error_of, text, parts):
    message = error_of(text)

    assert [part for part in parts if part not in message] == []


def test_a_file_that_is_not_toml_is_rejected_with_the_position(error_of):
    assert "line 1, column 12" in error_of("for_sale = yes")
    assert "for_sale = true" in error_of("for_sale = yes")
    assert "0xff" in error_of(b"\xff\xfe")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("blocked_items = [0108775015]", True),
        ('blocked_items = [\n  "0108775044",\n  0108775015,\n]', True),
        ("channel = 02", True),
        ("blocked_items = [\n", False),
        ('channel = yes  # "02", not 02', False),
    ],
)
def test_ids_without_quotes_are_recognized_by_their_leading_zero(error_of, text, hint):
    assert ("ids go in quotes" in error_of(text)) == hint


def test_a_missing_file_or_a_folder_is_rejected(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        read_settings(Path("nowhere.toml"))
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        read_settings(tmp_path)


def test_invalid_json_is_rejected_with_its_source_and_the_name_of_the_setting():
    with pytest.raises(InputError, match=r"^Filter settings: for_sale is None"):
        FilterSettings.from_json({"for_sale": None})
    with pytest.raises(InputError, match=r"^candidates\.json: channel is 3"):
        FilterSettings.from_json({"channel": 3}, "candidates.json")


def test_cool_down_without_days_is_rejected():
    with pytest.raises(ValidationError, match="cool_down_days"):
        FilterSettings(already_bought="cool-down")
