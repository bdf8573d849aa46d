"""Towers that begin with what earlier ones learned, though words have come since and all codes have moved."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError

# Each new word comes before a known one, so that no code stays. Words of before are missing from the new rows: user u3,
# item b, its colour and its group are nobody's today.
NEW_USERS = [
    {"user_id": "u0", "age": 90.0, "spend": 1.0, "status": "BANNED", "recent_items": ["aa", "a"]},
    {"user_id": "u1", "status": "ACTIVE", "recent_items": ["a"], "colours": ["green", "red"]},
    {"user_id": "u2"},
]
NEW_ITEMS = [
    {"item_id": "a", "colour": "red", "group": "Hats", "sales": 99.0},
    {"item_id": "aa", "colour": "green", "group": "Boots", "sales": 5.0},
    {"item_id": "c", "colour": None, "group": "Hats", "sales": None},
]


@pytest.fixture
def later(tiny):
    return replace(tiny, users=tiny.table(tiny.query_schema, NEW_USERS), items=tiny.table(tiny.item_schema, NEW_ITEMS))


@pytest.fixture
def started(later):
    """Towers with the words of both times, which begin with what earlier ones learned."""
    import tf_keras as keras

    from models.towers import Towers
    from models.training.warm_start import warm_start
    from models.two_tower import TwoTower

    def started(checkpoint, seed=8, **settings):
        encodings = later.encodings().merge_with(checkpoint.query, checkpoint.item)
        keras.utils.set_random_seed(seed)
        model = TwoTower(encodings.query, encodings.item, replace(later.config, **settings))
        towers = Towers(model, encodings.query, encodings.item)
        towers.query_vectors(later.users)
        towers.item_vectors(later.items)
        fresh = {name: layer.get_weights()[0] for name, layer in tables(towers).items()}
        warm_start(model, encodings.query, encodings.item, checkpoint)
        return towers, fresh

    return started


def tables(towers):
    model = towers.model
    return {
        "user": model.query_tower.encoders["user_id"],
        "item": model.item_tower.encoders["item_id"],
        "colour": model.item_tower.encoders["colour"],
        "content": model.shared.content["item_id"],
        "colour content": model.shared.content["colour"],
        "memory": model.shared.item_memory,
        "repeats": model.shared.repeat_log_weights,
    }


def test_everybody_and_everything_known_has_the_vectors_of_before(tiny, started):
    earlier = tiny.towers(seed=3)
    earlier.model.shared.repeat_log_weights.set_weights([np.linspace(-1, 1, 5, dtype=np.float32)[:, None]])

    towers, _ = started(earlier.checkpoint)

    for now, before in zip(towers.query_vectors(tiny.users), earlier.query_vectors(tiny.users), strict=True):
        np.testing.assert_allclose(now, before, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(towers.item_vectors(tiny.items), earlier.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)


def test_the_new_are_what_they_were_before_as_unknown_ones_but_for_their_memory(tiny, later, started):
    earlier, content = tiny.towers(seed=3), tiny.config.content_dimensions

    towers, _ = started(earlier.checkpoint)

    before, now = earlier.item_vectors(later.items), towers.item_vectors(later.items)
    np.testing.assert_allclose(now[:, :content], before[:, :content], rtol=1e-5, atol=1e-6)
    new = 1  # of a, aa and c
    assert (before[new, content:] == 0).all()
    assert (now[new, content:] != 0).all()
    for of_now, of_before in zip(towers.query_vectors(later.users), earlier.query_vectors(later.users), strict=True):
        # A list with an unknown item was shorter: the new user's own is looked at in the next test.
        np.testing.assert_allclose(of_now[2], of_before[2], rtol=1e-5, atol=1e-6)


def test_rows_move_to_their_new_codes_and_new_words_get_the_row_that_is_right_for_the_table(tiny, started):
    earlier = tiny.towers(seed=3)
    checkpoint = {name: layer.get_weights()[0] for name, layer in tables(earlier).items()}

    towers, fresh = started(earlier.checkpoint)

    got = {name: layer.get_weights()[0] for name, layer in tables(towers).items()}
    # Missing, unknown, then u0 (new), u1, u2, u3; a, aa (new), b, c; blue, green (new), red.
    as_unknown = {"user": [0, 1, 1, 2, 3, 4], "item": [0, 1, 2, 1, 3, 4], "colour": [0, 1, 2, 1, 3]}
    for name, rows in as_unknown.items():
        np.testing.assert_array_equal(got[name], checkpoint[name][rows])
    for name, new in (("content", 3), ("memory", 3), ("repeats", 3), ("colour content", 3)):
        np.testing.assert_array_equal(np.delete(got[name], new, axis=0), checkpoint[name])
    assert (got["content"][3] == 0).all()
    assert (got["colour content"][3] == 0).all()
    np.testing.assert_array_equal(got["memory"][3], fresh["memory"][3])
    np.testing.assert_array_equal(got["repeats"][3], fresh["repeats"][3])


def test_words_of_before_stay_and_scales_are_the_earlier_ones(tiny, started):
    earlier = tiny.towers()

    towers, _ = started(earlier.checkpoint)

    assert towers.item.vocabularies["item_id"].tokens == ("a", "aa", "b", "c")
    assert towers.query.vocabularies["recent_items"].tokens == ("a", "aa", "b", "c")
    assert towers.item.vocabularies["group"].tokens == ("Boots", "Hats", "Shoes")
    assert (towers.query.scales, towers.item.scales) == (earlier.query.scales, earlier.item.scales)


def test_a_memory_that_begins_afresh_is_known_again_by_who_bought_it(tiny, later, started):
    towers, _ = started(tiny.towers(seed=3).checkpoint)

    content = tiny.config.content_dimensions
    anything, something_new = towers.query_vectors(later.users)
    items = towers.item_vectors(later.items)
    # u0 has bought aa; as long as nothing is learned of it, its memory is the only thing that tells.
    without, _ = towers.query_vectors(later.table(later.query_schema, [{**NEW_USERS[0], "recent_items": ["a"]}]))
    assert (anything[0, content:] - without[0, content:]) @ items[1, content:] > 0
    assert (something_new[:, content:] == 0).all()


def test_nothing_to_remember_and_no_second_question_are_moved_too(tiny, started):
    settings = {"item_memory_dimensions": 0, "has_new_item_head": False, "embedding_learning_rate": None}
    earlier = tiny.towers(seed=3, **settings)

    checkpoint = earlier.checkpoint

    from models.towers import Towers
    from models.training.warm_start import warm_start
    from models.two_tower import TwoTower

    model = TwoTower(checkpoint.query, checkpoint.item, replace(tiny.config, **settings))
    towers = Towers(model, checkpoint.query, checkpoint.item)
    towers.query_vectors(tiny.users)
    towers.item_vectors(tiny.items)
    warm_start(model, checkpoint.query, checkpoint.item, checkpoint)
    np.testing.assert_array_equal(towers.query_vectors(tiny.users), earlier.query_vectors(tiny.users))
    np.testing.assert_array_equal(towers.item_vectors(tiny.items), earlier.item_vectors(tiny.items))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden_widths": (8,)}, r"weights of shape \(\d+, 16\), not \(\d+, 8\)"),
        ({"hidden_widths": (16, 16)}, r"39 arrays of weights, not 45"),
    ],
)
def test_weights_of_other_towers_are_refused_and_nothing_is_given(tiny, started, settings, said):
    with pytest.raises(InputError, match=rf"The earlier release holds {said}: the towers are built otherwise now"):
        started(tiny.towers().checkpoint, **settings)
