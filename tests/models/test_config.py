"""Settings are read back as they were written, or refused."""

import json

import pytest

from features.errors import InputError
from models.config import DEFAULT, PRESETS, Config, chosen


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_survive_json(preset):
    config = PRESETS[preset]

    assert Config.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("change", [lambda told: told.update(depth=3), lambda told: told.pop("patience")])
def test_settings_of_another_time_are_refused_in_a_sentence(change):
    content = DEFAULT.to_json()
    change(content)

    with pytest.raises(InputError, match=r"^Its settings are not those that there are now \(.*\): train again\.$"):
        Config.from_json(content)


def test_what_is_chosen_takes_the_place_of_the_presets_own():
    config = chosen("default", training_days=3, epochs=None)

    assert (config.training_days, config.epochs) == (3, DEFAULT.epochs)
