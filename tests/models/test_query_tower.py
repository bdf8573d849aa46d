"""The query tower, part by part."""

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


def vectors_of(towers, tiny, *users):
    """Query vectors and new-item query vectors of some users."""
    return towers.query_vectors(tiny.table(tiny.query_schema, list(users)))


@pytest.fixture
def literal(tiny):
    """Towers with dense layers that output 0, position weights of 1, and literal shared embeddings."""

    def literal(**settings):
        towers = tiny.towers(**settings)
        tower, shared = towers.model.query_tower, towers.model.shared
        content = tower._content
        for dense in content._dense:
            set_to_zero(dense)
        weights_of_content = [layer for head in content._weights for layer in head.values()]
        for weights in [*weights_of_content, tower._item_memory._weights]:
            set_to_zero(weights)
            weights._weight.bias.assign([log(e - 1)])  # its softplus is 1
        shared.content["item_id"].set_weights([np.array(ITEM_CONTENT, np.float32)])
        shared.content["colour"].set_weights([np.array(COLOUR_CONTENT, np.float32)])
        shared.item_memory.set_weights([np.array(ITEM_MEMORY, np.float32)])
        return towers

    return literal


def set_to_zero(layer):
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])


def test_the_query_vector_has_content_and_item_memory_the_new_item_query_vector_only_content(tiny):
    queries, new_item_queries = tiny.towers().query_vectors(tiny.users)

    assert (queries.shape, new_item_queries.shape) == ((3, 4 + 3), (3, 4))
    assert (queries.dtype, new_item_queries.dtype) == (np.float32, np.float32)
    assert not np.isclose(queries[:, :4], new_item_queries).any()
    assert (queries[[0, 2], 4:] != 0).all()
    assert (queries[1, 4:] == 0).all()  # user u2 has bought nothing


def test_without_the_new_item_head_both_vectors_have_the_same_content(tiny):
    queries, new_item_queries = tiny.towers(has_new_item_head=False).query_vectors(tiny.users)

    assert new_item_queries.tolist() == queries[:, :4].tolist()


def test_without_item_memory_the_vectors_are_the_content_alone(tiny):
    queries, new_item_queries = tiny.towers(item_memory_dimensions=0).query_vectors(tiny.users)

    assert queries.shape == new_item_queries.shape == (3, 4)
    assert not np.isclose(queries, new_item_queries).any()


def test_a_list_is_pooled_to_its_sum_divided_by_the_root_of_1_plus_its_weights_and_lists_are_added(literal, tiny):
    queries, new_item_queries = vectors_of(
        literal(),
        tiny,
        user(recent_items=["a", "b", "c"], colours=[]),
        user(recent_items=[], colours=["red", "blue", "red"]),
        user(recent_items=["a", "a", "b"], colours=["blue"] * 8),
        user(recent_items=[], colours=[]),
    )

    # (a + b + c) / √(1 + 3); (4 + 2 + 4) / √(1 + 3); (2a + b) / √(1 + 3) and 8 x 2 / √(1 + 8)
    pooled = [[0.5, 0.5, 0.5, 0], [0, 0, 0, 5], [1, 0.5, 0, 16 / 3], [0, 0, 0, 0]]
    np.testing.assert_allclose(queries[:, :4], pooled, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new_item_queries, pooled, rtol=1e-5, atol=1e-6)


def test_the_item_memory_is_the_sum_of_the_vectors_of_the_purchased_items(literal, tiny):
    queries, _ = vectors_of(
        literal(), tiny, user(recent_items=["a", "c"]), user(recent_items=["b"]), user(recent_items=[])
    )

    np.testing.assert_allclose(queries[:, 4:], [[1, 0, 1], [0, 1, 0], [0, 0, 0]], rtol=1e-5)


def test_items_with_a_larger_repeat_weight_have_a_larger_share_in_the_item_memory(literal, tiny):
    towers = literal()
    towers.model.shared.repeat_log_weights.set_weights([np.array([[9], [9], [log(3)], [0], [log(0.5)]], np.float32)])

    queries, _ = vectors_of(towers, tiny, user(recent_items=["a", "b", "c", "never seen"]))

    np.testing.assert_allclose(queries[:, 4:], [[3, 1, 0.5]], rtol=1e-5)


def test_unknown_and_missing_elements_of_lists_have_no_effect(tiny):
    towers = tiny.towers()
    lists = {"recent_items": ["never seen", "a", "", "c"], "colours": ["mauve", "red", None]}
    numbers = {"recent_counts": [9.0, 2.0, 9.0, 1.0], "recent_days": [0.0, 1.0, 5.0, 30.0], "colour_counts": [7, 2, 7]}

    for vectors in vectors_of(towers, tiny, user(), user(**lists, **numbers)):
        np.testing.assert_allclose(vectors[1], vectors[0], rtol=1e-5, atol=1e-6)


def test_a_list_of_unknown_elements_is_equal_to_no_list(tiny):
    none = dict.fromkeys(("recent_items", "recent_counts", "recent_days", "colours", "colour_counts"))
    unknown = {"recent_items": ["x", "y"], "recent_counts": [3, 4], "recent_days": [0, 0], "colours": ["mauve"]}

    for vectors in vectors_of(tiny.towers(), tiny, user(**none), user(**{**none, **unknown, "colour_counts": [3]})):
        assert vectors[1].tolist() == vectors[0].tolist()


def test_the_order_of_a_list_has_no_effect_if_its_aligned_numbers_follow(tiny):
    turned = {"recent_items": ["c", "a"], "recent_counts": [1.0, 2.0], "recent_days": [30.0, 1.0]}
    mismatched = {**turned, "recent_days": [1.0, 30.0]}

    for vectors in vectors_of(tiny.towers(), tiny, user(), user(**turned), user(**mismatched)):
        np.testing.assert_allclose(vectors[1], vectors[0], rtol=1e-5, atol=1e-6)
        assert not np.allclose(vectors[2], vectors[0], atol=1e-4)


@pytest.mark.parametrize("name", ["age", "spend", "status", "user_id", "recent_items", "recent_counts", "recent_days"])
@pytest.mark.parametrize("second", [False, True], ids=["query vector", "new-item query vector"])
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

    vectors = vectors_of(tiny.towers(), tiny, user(), user(**{name: others[name]}))[second]

    assert not np.allclose(vectors[1], vectors[0], atol=1e-5)


def test_every_known_value_of_a_one_hot_feature_reaches_the_vector(tiny):
    users = [user(status=status) for status in ("ACTIVE", "LEFT", "UNKNOWN", None)]

    for vectors in vectors_of(tiny.towers(), tiny, *users):
        assert len(np.unique(vectors.round(5), axis=0)) == 4


@pytest.mark.parametrize("seed", range(1, 6))
def test_before_training_a_purchased_item_scores_higher_than_equal_items_never_bought(tiny, seed):
    equal = [{"item_id": f"{number:02d}", "colour": "red", "group": "Hats", "sales": 3.0} for number in range(30)]
    items = tiny.table(tiny.item_schema, equal)
    buyers = [user(recent_items=[f"{number:02d}"], recent_counts=[1.0], recent_days=[7.0]) for number in range(30)]
    users = tiny.table(tiny.query_schema, buyers)

    towers = replace(tiny, items=items, users=users).towers(seed, content_dimensions=16, item_memory_dimensions=64)
    queries, _ = towers.query_vectors(users)

    scores = queries @ towers.item_vectors(items).T
    assert scores.argmax(axis=1).tolist() == list(range(30))  # the item of each user


CONTENTS, MEMORY = (slice(4), slice(7, 11)), (slice(4, 7),)


@pytest.mark.parametrize(
    ("settings", "parts", "others"),
    [({"list_dropout": 0.5}, CONTENTS, MEMORY), ({"item_memory_dropout": 0.5}, MEMORY, CONTENTS)],
    ids=["content", "item memory"],
)
def test_list_dropout_applies_in_training_only_and_to_its_own_part_of_the_vectors(tiny, settings, parts, others):
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
    unknown = {
        "user_id": "",
        "age": float("nan"),
        "spend": -1.0,
        "status": "?",
        "recent_items": ["?"],
        "recent_counts": [-1.0],
        "recent_days": [None],
        "colours": [None],
        "colour_counts": [float("nan")],
    }

    for vectors in vectors_of(tiny.towers(), tiny, {"user_id": "u9"}, unknown):
        assert len(vectors) == 2
        assert np.isfinite(vectors).all()


def test_a_missing_number_aligned_with_a_known_item_counts_as_0(tiny):
    users = [user(recent_counts=counts) for counts in ([None, 1.0], [float("nan"), 1.0], [0.0, 1.0])]

    for vectors in vectors_of(tiny.towers(), tiny, *users):
        np.testing.assert_allclose(vectors[0], vectors[2], rtol=1e-6)
        np.testing.assert_allclose(vectors[1], vectors[2], rtol=1e-6)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (FeatureColumn("height", "Float64", "number"), [1.5, None]),
        (FeatureColumn("visits", "Int64", "log"), [3.0, None]),
        (FeatureColumn("city", "String", "embedding"), ["Lund", None]),
        (FeatureColumn("country", "String", "one_hot"), ["SE", None]),
        (FeatureColumn("liked_items", "Array(String)", "items", refers_to="item_id"), [["a", "c"], None]),
        (FeatureColumn("liked_groups", "Array(String)", "categories", refers_to="group"), [["Hats"], None]),
        (FeatureColumn("recent_spend", "Array(Float32)", "aligned", refers_to="recent_items"), [[1.5, 20.0], None]),
    ],
    ids=lambda value: value.encoding if isinstance(value, FeatureColumn) else "",
)
def test_a_new_feature_needs_only_a_new_column_in_the_schema(tiny, column, values):
    schema = replace(tiny.query_schema, columns=(*tiny.query_schema.columns, column))
    rows = tiny.table(schema, [user(**{column.name: value}) for value in values])

    for vectors in replace(tiny, query_schema=schema, users=rows).towers().query_vectors(rows):
        assert not np.allclose(vectors[0], vectors[1])  # the new feature reaches the vector


def test_a_service_without_lists_has_content_and_no_item_memory(tiny):
    schema = replace(tiny.query_schema, columns=tiny.query_schema.columns[:3])

    queries, new_item_queries = replace(tiny, query_schema=schema).towers().query_vectors(tiny.users)

    assert queries.shape == new_item_queries.shape == (3, 4)
    assert len(np.unique(queries.round(5), axis=0)) == len(np.unique(new_item_queries.round(5), axis=0)) == 3
