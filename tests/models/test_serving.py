"""Towers as SavedModels: raw values in, vectors out, by anybody who has TensorFlow."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

STRANGER = """
import json, sys
import tensorflow as tf

folder, inputs = sys.argv[1], json.loads(sys.argv[2])
embed = tf.saved_model.load(folder).signatures["embed"]
kinds = {"text": tf.string, "number": tf.float32}
vectors = embed(**{name: tf.constant(values, kinds[kind]) for name, (kind, values) in inputs.items()})
ours = {"models", "features", "retrieval", "feast", "tf_keras", "tensorflow_recommenders"} & set(sys.modules)
signature = {name: [spec.dtype.name, spec.shape.rank] for name, spec in embed.structured_input_signature[1].items()}
print(json.dumps([list(vectors), vectors["vector"].numpy().tolist(), sorted(ours), signature]))
"""


@pytest.fixture(scope="module")
def towers(tiny):
    return tiny.towers(seed=3, id_dropout=0.9, dropout=0.5)


@pytest.fixture(scope="module")
def saved(towers, tmp_path_factory):
    from models.serving import ServingTower

    folder = tmp_path_factory.mktemp("saved")
    ServingTower(towers.model.query_tower, towers.query).save(folder / "query_tower")
    ServingTower(towers.model.item_tower, towers.item).save(folder / "item_tower")
    return folder


@pytest.fixture(scope="module")
def query_tower(saved, tiny):
    from models.serving import SavedTower

    return SavedTower(saved / "query_tower", tiny.query_schema)


@pytest.fixture(scope="module")
def item_tower(saved, tiny):
    from models.serving import SavedTower

    return SavedTower(saved / "item_tower", tiny.item_schema)


def ask_a_stranger(folder, inputs, cwd):
    """Call a SavedModel in a process that knows nothing of this project."""
    variables = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    told = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(folder), json.dumps(inputs)],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_a_saved_tower_answers_without_this_projects_code(towers, saved, tiny, tmp_path):
    inputs = {
        "user_id": ("text", ["u1", "u2", "u3"]),
        "age": ("number", [20.0, float("nan"), 60.0]),
        "spend": ("number", [0.5, float("nan"), 9.0]),
        "status": ("text", ["ACTIVE", "", "LEFT"]),
        "recent_items": ("text", [["a", "b"], ["", ""], ["c", ""]]),
    }

    outputs, vectors, ours, signature = ask_a_stranger(saved / "query_tower", inputs, tmp_path)

    assert outputs == ["vector"]
    assert ours == []
    assert signature == {
        "user_id": ["string", 1],
        "age": ["float32", 1],
        "spend": ["float32", 1],
        "status": ["string", 1],
        "recent_items": ["string", 2],
    }
    np.testing.assert_allclose(vectors, towers.query_vectors(tiny.users), rtol=1e-5, atol=1e-6)


def test_a_saved_tower_gives_the_vectors_of_the_tower_in_memory(towers, query_tower, item_tower, tiny):
    queries, items = query_tower.vectors(tiny.users), item_tower.vectors(tiny.items)

    np.testing.assert_allclose(queries, towers.query_vectors(tiny.users), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(items, towers.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)
    assert len(np.unique(queries.round(4), axis=0)) == len(np.unique(items.round(4), axis=0)) == 3
    assert queries.dtype == np.float32


@pytest.mark.parametrize(
    "user",
    [
        {
            "user_id": "unheard of",
            "age": 1.0,
            "spend": 1.0,
            "status": "unheard of",
            "recent_items": ["unheard of", "b"],
        },
        {"user_id": None, "age": None, "spend": None, "status": None, "recent_items": None},
        {"user_id": "", "age": float("nan"), "spend": -1.0, "status": "", "recent_items": []},
        {"user_id": "u1", "age": 20.0, "spend": 0.5, "status": "ACTIVE", "recent_items": ["c", *["a"] * 70]},
        {"user_id": "Ünï", "age": 20.0, "spend": 0.5, "status": "日本", "recent_items": ["b"]},
    ],
    ids=["unknown", "null", "empty", "long list", "not ascii"],
)
def test_whatever_a_value_is_the_raw_words_and_the_arrow_codes_give_one_vector(towers, query_tower, tiny, user):
    rows = tiny.table(tiny.query_schema, [user])

    vectors = query_tower.vectors(rows)

    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors, towers.query_vectors(rows), rtol=1e-5, atol=1e-6)


def test_unknown_and_missing_words_are_different_things(query_tower, tiny):
    user = {"user_id": "u1", "age": 20.0, "spend": 0.5, "recent_items": ["a"]}
    statuses = ["ACTIVE", "LEFT", "unheard of", None]

    vectors = query_tower.vectors(tiny.table(tiny.query_schema, [{**user, "status": status} for status in statuses]))

    assert len(np.unique(vectors.round(4), axis=0)) == 4


def test_a_batch_gives_the_vectors_of_its_rows_one_by_one(query_tower, tiny):
    together = query_tower.vectors(tiny.users)

    one_by_one = np.concatenate([query_tower.vectors(tiny.users.slice(row, 1)) for row in range(3)])
    np.testing.assert_allclose(together, one_by_one, rtol=1e-5, atol=1e-6)


def test_a_saved_tower_has_no_dropout(query_tower, tiny):
    assert query_tower.vectors(tiny.users).tobytes() == query_tower.vectors(tiny.users).tobytes()
