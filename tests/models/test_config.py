"""What a preset becomes by options."""

from models.config import DEFAULT, load_preset


def test_what_is_chosen_takes_the_place_of_the_presets_own():
    config = load_preset("default", training_days=3, epochs=None)

    assert (config.training_days, config.epochs) == (3, DEFAULT.epochs)
