"""What a preset becomes by options."""

from models.config import DEFAULT, chosen


def test_what_is_chosen_takes_the_place_of_the_presets_own():
    config = chosen("default", training_days=3, epochs=None)

    assert (config.training_days, config.epochs) == (3, DEFAULT.epochs)
