"""What the query tower makes of a user, layer by layer."""

from dataclasses import replace
from math import e, log

import numpy as np
import pytest

from features.store.service_schema import FeatureColumn

# Codes: missing, unknown, then a, b, c; missing, unknown, then blue, red.
ITEM_CONTENT = [[9, 9, 9, 9], [8, 8, 8, 8], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
COLOUR_CONTENT = [[7, 7, 7, 7], [6, 6, 6, 6], [0, 0, 0, 2], [0, 0, 0, 4]]
ITEM_MEMORY = [[5, 5, 5], [4, 4, 4], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def user(**features):
    return {
        "user_id": "u1",
        "age": 20.0,
        "spend": 0.5,
        "status": "ACTIVE",
        "recent_items": ["a", "c"],
        "recent_counts": [2.0, 1.0],
        "recent_days": [1.0, 30.0],
        "colours": ["red"],
        "colour_counts": [2.0],
        **features,
    }


def both(towers, tiny, *users):
    return towers.query_vectors(tiny.table(tiny.query_schema, list(users)))


@pytest.fixture
def plain(tiny):
    """Towers whose dense layers say nothing, all places of whose lists weigh 1, and whose shared words are literal."""

    def plain(**settings):
        towers = tiny.towers(**settings)
        tower, shared = towers.model.query_tower, towers.model.shared
        interests = tower._interests
        for dense in interests._dense:
            silence(dense)
        for weights in [*(of for question in interests._weights for of in question.values()), tower._memory._weights]:
            silence(weights)
            weights._weight.bias.assign([log(e - 1)])  # of which softplus is 1
        shared.content["item_id"].set_weights([np.array(ITEM_CONTENT, np.float32)])
        shared.content["colour"].set_weights([np.array(COLOUR_CONTENT, np.float32)])
        shared.item_memory.set_weights([np.array(ITEM_MEMORY, np.float32)])
        return towers

    return plain


def silence(layer):
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])


def test_there_are_two_vectors_of_the_length_of_an_items(tiny):
    anything, something_new = tiny.towers().query_vectors(tiny.users)

    assert (anything.shape, something_new.shape) == ((3, 4 + 3), (3, 4 + 3))
    assert (anything.dtype, something_new.dtype) == (np.float32, np.float32)
    assert not np.isclose(anything[:, :4], something_new[:, :4]).any()


def test_the_memory_of_the_vector_for_something_new_is_zero(tiny):
    anything, something_new = tiny.towers().query_vectors(tiny.users)

    assert (something_new[:, 4:] == 0).all()
    assert (anything[[0, 2], 4:] != 0).all()
    assert (anything[1, 4:] == 0).all()  # he bought nothing


def test_without_discovering_the_second_vector_is_the_first_without_its_memory(tiny):
    anything, something_new = tiny.towers(has_new_item_head=False).query_vectors(tiny.users)

    assert something_new[:, :4].tolist() == anything[:, :4].tolist()
    assert (something_new[:, 4:] == 0).all()


def test_without_memory_the_vectors_are_content_alone(tiny):
    anything, something_new = tiny.towers(item_memory_dimensions=0).query_vectors(tiny.users)

    assert anything.shape == something_new.shape == (3, 4)
    assert not np.isclose(anything, something_new).any()


def test_a_list_is_pooled_to_between_a_sum_and_a_mean_and_lists_are_added_up(plain, tiny):
    anything, something_new = both(
        plain(),
        tiny,
        user(recent_items=["a", "b", "c"], colours=[]),
        user(recent_items=[], colours=["red", "blue", "red"]),
        user(recent_items=["a", "a", "b"], colours=["blue"] * 8),
        user(recent_items=[], colours=[]),
    )

    # (a + b + c) / √(1 + 3); (4 + 2 + 4) / √(1 + 3); (2a + b) / √(1 + 3) and 8 x 2 / √(1 + 8)
    liked = [[0.5, 0.5, 0.5, 0], [0, 0, 0, 5], [1, 0.5, 0, 16 / 3], [0, 0, 0, 0]]
    np.testing.assert_allclose(anything[:, :4], liked, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(something_new[:, :4], liked, rtol=1e-5, atol=1e-6)


def test_the_memory_is_the_sum_of_what_was_bought(plain, tiny):
    anything, _ = both(plain(), tiny, user(recent_items=["a", "c"]), user(recent_items=["b"]), user(recent_items=[]))

    np.testing.assert_allclose(anything[:, 4:], [[1, 0, 1], [0, 1, 0], [0, 0, 0]], rtol=1e-5)


def test_an_item_that_is_bought_again_and_again_is_remembered_the_better(plain, tiny):
    towers = plain()
    towers.model.shared.repeat_log_weights.set_weights([np.array([[9], [9], [log(3)], [0], [log(0.5)]], np.float32)])

    anything, _ = both(towers, tiny, user(recent_items=["a", "b", "c", "never seen"]))

    np.testing.assert_allclose(anything[:, 4:], [[3, 1, 0.5]], rtol=1e-5)


def test_unknown_and_missing_words_weigh_nothing(tiny):
    towers = tiny.towers()
    lists = {"recent_items": ["never seen", "a", "", "c"], "colours": ["mauve", "red", None]}
    numbers = {"recent_counts": [9.0, 2.0, 9.0, 1.0], "recent_days": [0.0, 1.0, 5.0, 30.0], "colour_counts": [7, 2, 7]}

    for vectors in both(towers, tiny, user(), user(**lists, **numbers)):
        np.testing.assert_allclose(vectors[1], vectors[0], rtol=1e-5, atol=1e-6)


def test_lists_of_words_that_nobody_knows_are_as_good_as_none(tiny):
    none = dict.fromkeys(("recent_items", "recent_counts", "recent_days", "colours", "colour_counts"))
    unknown = {"recent_items": ["x", "y"], "recent_counts": [3, 4], "recent_days": [0, 0], "colours": ["mauve"]}

    for vectors in both(tiny.towers(), tiny, user(**none), user(**{**none, **unknown, "colour_counts": [3]})):
        assert vectors[1].tolist() == vectors[0].tolist()


def test_the_order_of_a_list_says_nothing_because_its_numbers_do(tiny):
    turned = {"recent_items": ["c", "a"], "recent_counts": [1.0, 2.0], "recent_days": [30.0, 1.0]}
    mismatched = {**turned, "recent_days": [1.0, 30.0]}

    for vectors in both(tiny.towers(), tiny, user(), user(**turned), user(**mismatched)):
        np.testing.assert_allclose(vectors[1], vectors[0], rtol=1e-5, atol=1e-6)
        assert not np.allclose(vectors[2], vectors[0], atol=1e-4)


@pytest.mark.parametrize("name", ["age", "spend", "status", "user_id", "recent_items", "recent_counts", "recent_days"])
@pytest.mark.parametrize("second", [False, True], ids=["anything", "something new"])
def test_every_input_reaches_both_vectors(tiny, name, second):
    others = {
        "age": 60.0,
        "spend": 9.0,
        "status": "LEFT",
        "user_id": "u2",
        "recent_items": ["b", "c"],
        "recent_counts": [8.0, 1.0],
        "recent_days": [90.0, 30.0],
    }

    vectors = both(tiny.towers(), tiny, user(), user(**{name: others[name]}))[second]

    assert not np.allclose(vectors[1], vectors[0], atol=1e-5)


def test_the_last_known_word_of_a_one_hot_feature_reaches_the_vector(tiny):
    users = [user(status=status) for status in ("ACTIVE", "LEFT", "unheard of", None)]

    for vectors in both(tiny.towers(), tiny, *users):
        assert len(np.unique(vectors.round(5), axis=0)) == 4


@pytest.mark.parametrize("seed", range(1, 6))
def test_before_any_training_an_item_bought_before_scores_higher_than_equal_ones_never_bought(tiny, seed):
    equal = [{"item_id": f"{number:02d}", "colour": "red", "group": "Hats", "sales": 3.0} for number in range(30)]
    items = tiny.table(tiny.item_schema, equal)
    buyers = [user(recent_items=[f"{number:02d}"], recent_counts=[1.0], recent_days=[7.0]) for number in range(30)]
    users = tiny.table(tiny.query_schema, buyers)

    towers = replace(tiny, items=items, users=users).towers(seed, content_dimensions=16, item_memory_dimensions=64)
    anything, _ = towers.query_vectors(users)

    scores = anything @ towers.item_vectors(items).T
    assert scores.argmax(axis=1).tolist() == list(range(30))  # each user's own item


CONTENTS, MEMORY = (slice(4), slice(7, 11)), (slice(4, 7),)


@pytest.mark.parametrize(
    ("settings", "parts", "others"),
    [({"list_dropout": 0.5}, CONTENTS, MEMORY), ({"item_memory_dropout": 0.5}, MEMORY, CONTENTS)],
    ids=["content", "memory"],
)
def test_lists_are_shortened_in_training_only_and_for_one_part_alone(tiny, settings, parts, others):
    towers = tiny.towers(**settings)
    tower, codes = towers.model.query_tower, towers.query.encode(tiny.users)

    def vectors(**settings):
        return [np.concatenate([part.numpy() for part in tower(codes, **settings)], axis=1) for _ in range(8)]

    served = vectors()[0]
    assert all(other.tolist() == served.tolist() for other in vectors(training=False))
    trained = vectors(training=True)
    for part in parts:
        assert len({vector[:, part].tobytes() for vector in trained}) > 1
    for part in others:
        assert all(vector[:, part].tolist() == served[:, part].tolist() for vector in trained)


def test_inputs_that_are_all_missing_or_unknown_still_give_vectors(tiny):
    stranger = {
        "user_id": "",
        "age": float("nan"),
        "spend": -1.0,
        "status": "?",
        "recent_items": ["unheard of"],
        "recent_counts": [-1.0],
        "recent_days": [None],
        "colours": [None],
        "colour_counts": [float("nan")],
    }

    for vectors in both(tiny.towers(), tiny, {"user_id": "nobody"}, stranger):
        assert vectors.shape == (2, 7)
        assert np.isfinite(vectors).all()


def test_a_missing_number_beside_a_known_item_counts_as_0(tiny):
    users = [user(recent_counts=counts) for counts in ([None, 1.0], [float("nan"), 1.0], [0.0, 1.0])]

    for vectors in both(tiny.towers(), tiny, *users):
        np.testing.assert_allclose(vectors[0], vectors[2], rtol=1e-6)
        np.testing.assert_allclose(vectors[1], vectors[2], rtol=1e-6)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (FeatureColumn("height", "Float64", "number"), [1.5, None]),
        (FeatureColumn("visits", "Int64", "log"), [3.0, None]),
        (FeatureColumn("city", "String", "embedding"), ["Lund", None]),
        (FeatureColumn("country", "String", "one_hot"), ["SE", None]),
        (FeatureColumn("liked_items", "Array(String)", "items", of="item_id"), [["a", "c"], None]),
        (FeatureColumn("liked_groups", "Array(String)", "words", of="group"), [["Hats"], None]),
        (FeatureColumn("recent_spend", "Array(Float32)", "aligned", of="recent_items"), [[1.5, 20.0], None]),
    ],
    ids=lambda value: value.encoding if isinstance(value, FeatureColumn) else "",
)
def test_a_new_feature_needs_a_new_column_in_the_schema_and_nothing_else(tiny, column, values):
    schema = replace(tiny.query_schema, columns=(*tiny.query_schema.columns, column))
    rows = tiny.table(schema, [user(**{column.name: value}) for value in values])

    for vectors in replace(tiny, query_schema=schema, users=rows).towers().query_vectors(rows):
        assert vectors.shape == (2, 7)
        assert not np.allclose(vectors[0], vectors[1])  # the new feature reaches the vector


def test_a_service_without_lists_has_an_interest_all_the_same(tiny):
    schema = replace(tiny.query_schema, columns=tiny.query_schema.columns[:3])

    anything, something_new = replace(tiny, query_schema=schema).towers().query_vectors(tiny.users)

    assert anything.shape == something_new.shape == (3, 4)  # nothing to remember either
    assert len(np.unique(anything.round(5), axis=0)) == len(np.unique(something_new.round(5), axis=0)) == 3
