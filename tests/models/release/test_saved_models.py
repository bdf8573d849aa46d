"""SavedModels of the towers: raw values in, vectors out, with TensorFlow alone."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from features.errors import InputError

CALL_ALONE = """
import json, sys
import tensorflow as tf

folder, inputs = sys.argv[1], json.loads(sys.argv[2])
embed = tf.saved_model.load(folder).signatures["embed"]
kinds = {"text": tf.string, "number": tf.float32}
vectors = embed(**{name: tf.constant(values, kinds[kind]) for name, (kind, values) in inputs.items()})
values = {name: vector.numpy().tolist() for name, vector in vectors.items()}
imported = {"models", "features", "feast", "tf_keras", "tensorflow_recommenders"} & set(sys.modules)
signature = {name: [spec.dtype.name, spec.shape.rank] for name, spec in embed.structured_input_signature[1].items()}
print(json.dumps([values, sorted(imported), signature]))
"""


@pytest.fixture(scope="module")
def towers(tiny):
    return tiny.towers(seed=3, id_dropout=0.9, list_dropout=0.5)


@pytest.fixture(scope="module")
def saved(towers, tmp_path_factory):
    from models.release.saved_models import export_towers

    folder = tmp_path_factory.mktemp("exported") / "towers"
    export_towers(towers, folder)
    return folder


def call_alone(folder, inputs, cwd):
    """Call a SavedModel in a process without this project."""
    variables = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    process = subprocess.run(
        [sys.executable, "-I", "-c", CALL_ALONE, str(folder), json.dumps(inputs)],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_a_saved_query_tower_works_without_this_projects_code(towers, saved, tiny, tmp_path):
    nan = float("nan")
    inputs = {
        "user_id": ("text", ["u1", "u2", "u3"]),
        "age": ("number", [20.0, nan, 60.0]),
        "spend": ("number", [0.5, nan, 9.0]),
        "status": ("text", ["ACTIVE", "", "LEFT"]),
        "recent_items": ("text", [["a", "b"], ["", ""], ["c", ""]]),
        "recent_counts": ("number", [[2.0, 1.0], [0.0, 0.0], [1.0, 77.0]]),  # padded with any value
        "recent_days": ("number", [[1.0, 30.0], [nan, nan], [0.0, -3.0]]),
        "colours": ("text", [["red", "blue", ""], ["", "", ""], ["", "", ""]]),
        "colour_counts": ("number", [[2.0, 1.0, 5.0], [0.0, 0.0, 0.0], [0.0, nan, 0.0]]),
    }

    vectors, imported, signature = call_alone(saved / "query_tower", inputs, tmp_path)

    assert imported == []
    assert signature == {
        "user_id": ["string", 1],
        "age": ["float32", 1],
        "spend": ["float32", 1],
        "status": ["string", 1],
        "recent_items": ["string", 2],
        "recent_counts": ["float32", 2],
        "recent_days": ["float32", 2],
        "colours": ["string", 2],
        "colour_counts": ["float32", 2],
    }
    assert sorted(vectors) == ["new_item_vector", "vector"]
    queries, new_item_queries = towers.query_vectors(tiny.users)
    np.testing.assert_allclose(vectors["vector"], queries, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vectors["new_item_vector"], new_item_queries, rtol=1e-5, atol=1e-6)


def test_a_saved_item_tower_returns_one_vector(towers, saved, tiny, tmp_path):
    inputs = {
        "item_id": ("text", ["a", "b", "c"]),
        "colour": ("text", ["red", "blue", ""]),
        "group": ("text", ["Hats", "Shoes", "Hats"]),
        "sales": ("number", [3.0, 0.0, float("nan")]),
    }

    vectors, imported, signature = call_alone(saved / "item_tower", inputs, tmp_path)

    assert imported == []
    assert signature == {
        "item_id": ["string", 1],
        "colour": ["string", 1],
        "group": ["string", 1],
        "sales": ["float32", 1],
    }
    assert list(vectors) == ["vector"]
    np.testing.assert_allclose(vectors["vector"], towers.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)


def test_a_saved_tower_truncates_long_lists(saved):
    import tensorflow as tf

    embed = tf.saved_model.load(str(saved / "query_tower")).signatures["embed"]

    def vectors(items, colours):
        lists = {
            "recent_items": tf.constant([["a"] * 128 + ["b"] * items]),
            "recent_counts": tf.ones([1, 128 + items]),
            "recent_days": tf.ones([1, 128 + items]),
            "colours": tf.constant([["red"] * 50 + ["blue"] * colours]),
            "colour_counts": tf.ones([1, 50 + colours]),
        }
        user = {"user_id": tf.constant(["u1"]), "status": tf.constant([""])}
        return embed(**user, **lists, age=tf.constant([20.0]), spend=tf.constant([0.5]))

    for name, longer in vectors(items=40, colours=30).items():
        np.testing.assert_allclose(longer, vectors(items=0, colours=0)[name], rtol=1e-5, atol=1e-6)


def test_an_existing_folder_is_not_replaced(towers, saved):
    from models.release.saved_models import export_towers

    with pytest.raises(InputError, match=str(saved)):
        export_towers(towers, saved)
