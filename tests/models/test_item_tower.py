"""The item tower, part by part."""

from dataclasses import replace

import numpy as np
import pytest

from features.store.service_schema import FeatureColumn

# Codes: missing, unknown, then a, b, c; missing, unknown, then blue, red.
ITEM_CONTENT = [[9, 9, 9, 9], [8, 8, 8, 8], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
COLOUR_CONTENT = [[7, 7, 7, 7], [6, 6, 6, 6], [0, 0, 0, 2], [0, 0, 0, 3]]
ITEM_MEMORY = [[5, 5, 5], [4, 4, 4], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.fixture
def literal(tiny):
    """Towers whose item tower has dense layers that output 0, and literal shared embeddings."""

    def literal(**settings):
        towers = tiny.towers(**settings)
        dense, shared = towers.model.item_tower._dense, towers.model.shared
        dense.set_weights([np.zeros_like(weight) for weight in dense.get_weights()])
        shared.content["item_id"].set_weights([np.array(ITEM_CONTENT, np.float32)])
        shared.content["colour"].set_weights([np.array(COLOUR_CONTENT, np.float32)])
        shared.item_memory.set_weights([np.array(ITEM_MEMORY, np.float32)])
        return towers

    return literal


def test_a_vector_is_the_content_followed_by_the_item_memory(tiny):
    towers = tiny.towers()

    assert towers.item_vectors(tiny.items).shape == (3, 4 + 3)
    assert towers.item_vectors(tiny.items).dtype == np.float32
    assert tiny.towers(item_memory_dimensions=0).item_vectors(tiny.items).shape == (3, 4)


def test_the_shared_vectors_of_id_and_category_are_added_to_an_items_content(literal, tiny):
    vectors = literal().item_vectors(tiny.items)  # a is red, b is blue, the colour of c is missing

    assert vectors.tolist() == [[1, 0, 0, 3, 1, 0, 0], [0, 1, 0, 2, 0, 1, 0], [0, 0, 1, 0, 0, 0, 1]]


def test_shared_vectors_of_unknown_and_missing_tokens_are_zero(literal, tiny):
    items = [{"item_id": "new", "colour": "red"}, {"item_id": "new", "colour": "mauve"}, {"item_id": None}]

    vectors = literal().item_vectors(tiny.table(tiny.item_schema, items))

    assert vectors.tolist() == [[0, 0, 0, 3, 0, 0, 0], [0] * 7, [0] * 7]


def test_an_item_of_unknown_id_is_represented_by_its_content_features(tiny):
    hat = {"colour": "red", "group": "Hats", "sales": 3.0}
    items = [
        {"item_id": "new", **hat},
        {"item_id": "newer", **hat},
        {"item_id": "new", **hat, "colour": "blue"},
        {"item_id": "new", **hat, "group": "Shoes"},
        {"item_id": "new", **hat, "sales": 0.0},
        {"item_id": "new", **hat, "sales": None},
    ]

    vectors = tiny.towers().item_vectors(tiny.table(tiny.item_schema, items))

    assert vectors[1].tolist() == vectors[0].tolist()
    assert len(np.unique(vectors.round(5), axis=0)) == 5
    assert (vectors[:, 4:] == 0).all()  # no user can have bought it


def test_id_dropout_applies_to_the_content_and_not_to_the_item_memory(tiny):
    towers = tiny.towers(id_dropout=1.0)
    tower, rows = towers.model.item_tower, tiny.items
    unknown = rows.set_column(0, "item_id", [["x", "y", "z"]])

    trained, served = (tower(towers.item.encode(rows), training=training).numpy() for training in (True, False))
    without_ids = towers.item_vectors(unknown)

    np.testing.assert_allclose(trained[:, :4], without_ids[:, :4], rtol=1e-6)
    assert not np.isclose(trained[:, :4], served[:, :4]).any()
    assert trained[:, 4:].tolist() == served[:, 4:].tolist()


def test_id_dropout_is_random_in_training_and_inactive_in_serving(tiny):
    towers = tiny.towers(id_dropout=0.5)
    tower, codes = towers.model.item_tower, towers.item.encode(tiny.items)

    assert len({tower(codes, training=False).numpy().tobytes() for _ in range(8)}) == 1
    assert len({tower(codes).numpy().tobytes() for _ in range(8)}) == 1
    assert len({tower(codes, training=True).numpy().tobytes() for _ in range(8)}) > 1


def test_an_item_with_missing_or_unknown_features_still_has_a_vector(tiny):
    unknown = {"item_id": "?", "colour": "?", "group": "?", "sales": -1.0}

    vectors = tiny.towers().item_vectors(tiny.table(tiny.item_schema, [{}, unknown]))

    assert vectors.shape == (2, 7)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (FeatureColumn("price", "Float64", "number"), [1.5, None]),
        (FeatureColumn("age", "Int64", "log"), [3.0, None]),
        (FeatureColumn("brand", "String", "embedding"), ["Lund", None]),
        (FeatureColumn("season", "String", "one_hot"), ["winter", None]),
    ],
    ids=lambda value: value.encoding if isinstance(value, FeatureColumn) else "",
)
def test_a_new_feature_needs_only_a_new_column_in_the_schema(tiny, column, values):
    schema = replace(tiny.item_schema, columns=(*tiny.item_schema.columns, column))
    item = {"item_id": "a", "colour": "red", "group": "Hats", "sales": 3.0}
    rows = tiny.table(schema, [{**item, column.name: value} for value in values])

    vectors = replace(tiny, item_schema=schema, items=rows).towers().item_vectors(rows)

    assert vectors.shape == (2, 7)
    assert not np.allclose(vectors[0], vectors[1])  # the new feature reaches the vector
