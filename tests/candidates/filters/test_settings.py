import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.filters.settings import FilterSettings, read_settings
from features.errors import InputError

EVERYTHING = """
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
def written(tmp_path):
    def write(text):
        path = tmp_path / "filters.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def refused(written):
    """The message without the folder of the file."""

    def refuse(text):
        path = written(text)
        with pytest.raises(InputError) as error:
            read_settings(path)
        assert str(error.value).startswith(str(path))
        return str(error.value).removeprefix(f"{path.parent}/")

    return refuse


def test_without_a_file_what_is_not_for_sale_and_age_limits_are_in_force_and_nothing_else():
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


def test_an_empty_file_is_the_same_as_none(written):
    assert read_settings(written("# nothing yet\n")) == FilterSettings()


def test_a_file_may_set_everything(written):
    assert read_settings(written(EVERYTHING)) == FilterSettings(
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


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "filters.toml"
    path.write_bytes(b"\xef\xbb\xbffor_sale = false\n")

    assert not read_settings(path).for_sale


def test_days_to_cool_down_may_stay_in_the_file_while_the_filter_is_off(written):
    settings = read_settings(written('already_bought = "keep"\ncool_down_days = 28\n'))

    assert (settings.already_bought, settings.cool_down_days) == ("keep", 28)


KNOWN_TOMORROW = "to 100,000 (what is bought today is known tomorrow)"
DAYS = f"0 or a number of days, above 1 {KNOWN_TOMORROW}"
UNSOLD_DAYS = f"a number of days, above 1 {KNOWN_TOMORROW}"
days = st.floats(1, 400, width=32, exclude_min=True) | st.integers(2, 400)
names = st.text(min_size=1, max_size=5)


@given(
    st.builds(
        FilterSettings,
        already_bought=st.sampled_from(["keep", "drop", "cool-down"]),
        cool_down_days=st.just(0) | days,
        cool_down_days_by_category=st.dictionaries(
            names.filter(lambda name: name != "channel"), st.just(0) | days, max_size=3
        ),
        for_sale=st.booleans(),
        blocked_items=st.lists(names, unique=True, max_size=3).map(tuple),
        blocked_categories=st.lists(names, unique=True, max_size=3).map(tuple),
        channel=st.none() | names,
        age_limit=st.booleans(),
        at_most_per_department=st.none() | st.integers(1, 50),
        unsold_days=st.none() | days,
    )
)
def test_json_brings_back_what_was_set(settings):
    assert FilterSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_json_may_leave_out_what_was_not_thought_of_when_it_was_written():
    assert FilterSettings.from_json({"already_bought": "drop"}) == FilterSettings(already_bought="drop")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("for_sail = true", "filters.toml holds 'for_sail', which is no filter setting: did you mean 'for_sale'?"),
        (
            "zzz = 1",
            (
                "filters.toml holds 'zzz', which is no filter setting (they are already_bought, cool_down_days, "
                "cool_down_days_by_category, for_sale, blocked_items, blocked_categories, channel, age_limit, "
                "at_most_per_department, unsold_days)."
            ),
        ),
        (
            'already_bought = "hide"',
            "filters.toml: already_bought is 'hide', but must be 'keep', 'drop' or 'cool-down'.",
        ),
        (
            'already_bought = "cool-down"',
            (
                "filters.toml: already_bought is 'cool-down', which needs cool_down_days: add how many days an item "
                "is left out after it was bought."
            ),
        ),
        ("cool_down_days = -1", f"filters.toml: cool_down_days is -1, but must be {DAYS}."),
        ("cool_down_days = nan", f"filters.toml: cool_down_days is nan, but must be {DAYS}."),
        ("cool_down_days = true", f"filters.toml: cool_down_days is True, but must be {DAYS}."),
        ("cool_down_days = 1", f"filters.toml: cool_down_days is 1, but must be {DAYS}."),
        ("unsold_days = 1", f"filters.toml: unsold_days is 1, but must be {UNSOLD_DAYS}."),
        ("unsold_days = 0", f"filters.toml: unsold_days is 0, but must be {UNSOLD_DAYS}."),
        ("unsold_days = inf", f"filters.toml: unsold_days is inf, but must be {UNSOLD_DAYS}."),
        ('for_sale = "yes"', "filters.toml: for_sale is 'yes', but must be true or false."),
        ("age_limit = 1", "filters.toml: age_limit is 1, but must be true or false."),
        (
            "blocked_items = [108775015]",
            'filters.toml: blocked_items is [108775015], but must be a list of ids in quotes, such as ["0108775015"].',
        ),
        (
            'blocked_categories = "Shoes"',
            "filters.toml: blocked_categories is 'Shoes', but must be a list of names in quotes, such as [\"Shoes\"].",
        ),
        ("channel = 2", 'filters.toml: channel is 2, but must be the name of a channel in quotes, such as "2".'),
        ('channel = ""', "filters.toml: channel is '', but must be the name of a channel in quotes, such as \"2\"."),
        (
            "at_most_per_department = 0",
            "filters.toml: at_most_per_department is 0, but must be a whole number, 1 to 100,000.",
        ),
        (
            "at_most_per_department = 2.5",
            "filters.toml: at_most_per_department is 2.5, but must be a whole number, 1 to 100,000.",
        ),
        (
            "cool_down_days_by_category = 5",
            "filters.toml: cool_down_days_by_category is 5, but must be a table of categories and their days.",
        ),
        (
            "[cool_down_days_by_category]\nGrocery = -5",
            f"filters.toml: cool_down_days_by_category.'Grocery' is -5, but must be {DAYS}.",
        ),
        (
            "[cool_down_days_by_category]\nGrocery = 5\nunsold_days = 56",
            (
                "filters.toml: unsold_days stands below the line [cool_down_days_by_category], where it is taken for a "
                "category: move it above that line."
            ),
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_it_may_be(refused, text, message):
    assert refused(text) == message


def test_a_file_that_is_not_toml_is_refused_with_the_place(refused):
    assert refused("for_sale = yes") == (
        "filters.toml is not TOML (Invalid value (at line 1, column 12)): write it as `for_sale = true`, one setting a "
        "line."
    )
    assert refused(b"\xff\xfe").startswith("filters.toml is not TOML ('utf-8' codec can't decode byte 0xff")


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"There is no file nowhere\.toml"):
        read_settings(Path("nowhere.toml"))
    with pytest.raises(InputError, match="There is no file"):
        read_settings(tmp_path)


def test_json_with_a_wrong_value_is_refused_by_name():
    with pytest.raises(InputError, match="Filter settings: for_sale is None, but must be true or false"):
        FilterSettings.from_json({"for_sale": None})
    with pytest.raises(InputError, match=r"candidates\.json: channel is 3"):
        FilterSettings.from_json({"channel": 3}, "candidates.json")


def test_a_cool_down_made_without_days_is_refused():
    with pytest.raises(ValueError, match="there must be cool_down_days"):
        FilterSettings(already_bought="cool-down")
