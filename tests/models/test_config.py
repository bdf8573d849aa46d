"""Presets, validation of settings, and their JSON form."""

from dataclasses import replace

import pytest

from features.errors import InputError
from models.config import DEFAULT, PRESETS, Config, load_preset

SOURCE = "artifacts/20171225-default-0a1b2c3d/manifest.json"


def test_options_replace_the_values_of_a_preset():
    config = load_preset("default", training_days=3, epochs=None)

    assert config == replace(DEFAULT, training_days=3)


def test_an_unknown_preset_is_refused_by_name():
    with pytest.raises(InputError, match=r"'large': expected one of seed, default"):
        load_preset("large", training_days=None, epochs=None)


def test_the_length_of_the_vectors_is_that_of_content_and_item_memory():
    assert DEFAULT.dimensions == 64 + 128


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_survive_a_round_trip_through_json(preset):
    assert Config.from_json(PRESETS[preset].to_json(), SOURCE) == PRESETS[preset]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content_dimensions", 0),
        ("hidden_widths", (16, 0)),
        ("id_dropout", 1.5),
        ("list_dropout", 1.0),
        ("training_days", 0),
        ("epochs", "4"),
        ("batch_size", 2.5),
        ("day_batches", 1),
        ("learning_rate", float("nan")),
        ("embedding_learning_rate", -0.1),
        ("basket_discount", 2.0),
    ],
)
def test_an_invalid_value_is_refused_with_its_setting(name, value):
    with pytest.raises(InputError) as caught:
        replace(DEFAULT, **{name: value})

    assert f"{name} is {value!r}" in str(caught.value)


def test_all_invalid_settings_are_named_in_one_error():
    with pytest.raises(InputError, match=r"preset 'default': batch_size is 0: .*; patience is -1: "):
        replace(DEFAULT, batch_size=0, patience=-1)


def test_sampled_candidates_need_batches_of_one_day():
    with pytest.raises(InputError, match="sampled_per_day is 8192, which needs day_batches"):
        replace(DEFAULT, day_batches=False)


def test_an_unknown_setting_is_refused_with_the_closest_known_one():
    content = {**DEFAULT.to_json(), "memory_dimensions": 256, "zzz": 1}

    with pytest.raises(InputError) as caught:
        Config.from_json(content, SOURCE)

    for part in (SOURCE, "'memory_dimensions' (did you mean 'item_memory_dimensions'?)", "'zzz'"):
        assert part in str(caught.value)


def test_a_setting_that_is_missing_takes_the_value_of_the_preset():
    content = DEFAULT.to_json() | {"epochs": 9}
    del content["patience"]

    assert Config.from_json(content, SOURCE) == replace(DEFAULT, epochs=9)


@pytest.mark.parametrize("preset", [None, "large"])
def test_settings_without_a_known_preset_are_refused(preset):
    with pytest.raises(InputError, match=f"{SOURCE} names the preset"):
        Config.from_json({"preset": preset}, SOURCE)


def test_a_value_of_a_file_is_validated():
    with pytest.raises(InputError, match="epochs is 'many'"):
        Config.from_json(DEFAULT.to_json() | {"epochs": "many"}, SOURCE)
