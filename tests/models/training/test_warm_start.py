"""Warm start: towers that start from a checkpoint whose tokens have other codes now."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError

# Each new token sorts before an earlier one, so that codes move. Some earlier tokens are missing from the new rows:
# user u3, item b, its colour and its group.
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
def start(later):
    """Returns towers that start from a checkpoint, and their initial weights."""
    import tf_keras as keras

    from models.towers import Towers
    from models.training.warm_start import warm_start
    from models.two_tower import TwoTower

    def start(checkpoint, seed=8, **settings):
        encodings = later.encodings().merge_with(checkpoint.query, checkpoint.item)
        keras.utils.set_random_seed(seed)
        model = TwoTower(encodings.query, encodings.item, replace(later.config, **settings))
        towers = Towers(model, encodings.query, encodings.item)
        towers.query_vectors(later.users)
        towers.item_vectors(later.items)
        initial = {name: layer.get_weights()[0] for name, layer in tables(towers).items()}
        warm_start(model, encodings.query, encodings.item, checkpoint)
        return towers, initial

    return start


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


def test_known_users_and_items_keep_their_vectors(tiny, start):
    earlier = tiny.towers(seed=3)
    earlier.model.shared.repeat_log_weights.set_weights([np.linspace(-1, 1, 5, dtype=np.float32)[:, None]])

    towers, _ = start(earlier.checkpoint)

    for now, before in zip(towers.query_vectors(tiny.users), earlier.query_vectors(tiny.users), strict=True):
        np.testing.assert_allclose(now, before, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(towers.item_vectors(tiny.items), earlier.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)


def test_new_tokens_start_own_tables_ones_except_for_the_item_memory(tiny, later, start):
    earlier, content = tiny.towers(seed=3), tiny.config.content_dimensions

    towers, _ = start(earlier.checkpoint)

    before, now = earlier.item_vectors(later.items), towers.item_vectors(later.items)
    np.testing.assert_allclose(now[:, :content], before[:, :content], rtol=1e-5, atol=1e-6)
    new = 1  # of a, aa and c
    assert (before[new, content:] == 0).all()
    assert (now[new, content:] != 0).all()
    for vectors, earlier_vectors in zip(
        towers.query_vectors(later.users), earlier.query_vectors(later.users), strict=True
    ):
        # Only the list without new items: to the earlier towers, the others were shorter.
        np.testing.assert_allclose(vectors[2], earlier_vectors[2], rtol=1e-5, atol=1e-6)


def test_rows_move_to_their_new_codes_and_new_tokens_get_the_row_of_their_table(tiny, start):
    earlier = tiny.towers(seed=3)
    checkpoint = {name: layer.get_weights()[0] for name, layer in tables(earlier).items()}

    towers, initial = start(earlier.checkpoint)

    moved = {name: layer.get_weights()[0] for name, layer in tables(towers).items()}
    # Missing, unknown, then u0 (new), u1, u2, u3; a, aa (new), b, c; blue, green (new), red.
    own_tables = {"user": [0, 1, 1, 2, 3, 4], "item": [0, 1, 2, 1, 3, 4], "colour": [0, 1, 2, 1, 3]}
    for name, rows in own_tables.items():
        np.testing.assert_array_equal(moved[name], checkpoint[name][rows])
    for name, new in (("content", 3), ("memory", 3), ("repeats", 3), ("colour content", 3)):
        np.testing.assert_array_equal(np.delete(moved[name], new, axis=0), checkpoint[name])
    assert (moved["content"][3] == 0).all()
    assert (moved["colour content"][3] == 0).all()
    np.testing.assert_array_equal(moved["memory"][3], initial["memory"][3])
    np.testing.assert_array_equal(moved["repeats"][3], initial["repeats"][3])


def test_earlier_tokens_and_scales_stay(tiny, start):
    earlier = tiny.towers()

    towers, _ = start(earlier.checkpoint)

    assert towers.item.vocabularies["item_id"].tokens == ("a", "aa", "b", "c")
    assert towers.query.vocabularies["recent_items"].tokens == ("a", "aa", "b", "c")
    assert towers.item.vocabularies["group"].tokens == ("Boots", "Hats", "Shoes")
    assert (towers.query.scales, towers.item.scales) == (earlier.query.scales, earlier.item.scales)


def x_is_known_again_by_who_bought_it(tiny, later, start):
    towers, _ = start(tiny.towers(seed=3).checkpoint)

    content = tiny.config.content_dimensions
    queries, _ = towers.query_vectors(later.users)
    items = towers.item_vectors(later.items)
    # u0 has bought the new item aa, of which only the item memory differs from an unknown item.
    without, _ = towers.query_vectors(later.table(later.query_schema, [{**NEW_USERS[0], "recent_items": ["a"]}]))
    assert (queries[0, content:] - without[0, content:]) @ items[1, content:] > 0


def test_towers_without_item_memory_and_new_item_head_are_restored(tiny):
    from models.towers import Towers

    settings = {"item_memory_dimensions": 0, "has_new_item_head": False, "embedding_learning_rate": None}
    earlier = tiny.towers(seed=3, **settings)

    towers = Towers.from_checkpoint(earlier.checkpoint, replace(tiny.config, **settings))

    np.testing.assert_array_equal(towers.query_vectors(tiny.users), earlier.query_vectors(tiny.users))
    np.testing.assert_array_equal(towers.item_vectors(tiny.items), earlier.item_vectors(tiny.items))


@pytest.mark.parametrize(
    ("settings", "mismatch"),
    [
        ({"hidden_widths": (8,)}, r"\.dense_0\.kernel has shape \(\d+, 16\), not \(\d+, 8\)"),
        ({"hidden_widths": (16, 16)}, r"only one of them has item\.dense_2\.bias, .*, query\.head_1\.dense_2\.kernel"),
    ],
)
def test_weights_that_do_not_fit_the_towers_are_refused(tiny, start, settings, mismatch):
    with pytest.raises(InputError, match=mismatch):
        start(tiny.towers().checkpoint, **settings)
