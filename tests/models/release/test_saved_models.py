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
told = {name: of.numpy().tolist() for name, of in vectors.items()}
ours = {"models", "features", "retrieval", "feast", "tf_keras", "tensorflow_recommenders"} & set(sys.modules)
signature = {name: [spec.dtype.name, spec.shape.rank] for name, spec in embed.structured_input_signature[1].items()}
print(json.dumps([told, sorted(ours), signature]))
"""


@pytest.fixture(scope="module")
def towers(tiny):
    return tiny.towers(seed=3, id_dropout=0.9, list_dropout=0.5)


@pytest.fixture(scope="module")
def saved(towers, tmp_path_factory):
    from models.release.saved_models import ServingTower

    folder = tmp_path_factory.mktemp("saved")
    ServingTower(towers.model.query_tower, towers.query).save(folder / "query_tower")
    ServingTower(towers.model.item_tower, towers.item).save(folder / "item_tower")
    return folder


@pytest.fixture(scope="module")
def query_tower(saved, tiny):
    from models.release.saved_models import SavedTower

    return SavedTower(saved / "query_tower", tiny.query_schema)


@pytest.fixture(scope="module")
def item_tower(saved, tiny):
    from models.release.saved_models import SavedTower

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


def test_a_saved_query_tower_answers_without_this_projects_code(towers, saved, tiny, tmp_path):
    nan = float("nan")
    inputs = {
        "user_id": ("text", ["u1", "u2", "u3"]),
        "age": ("number", [20.0, nan, 60.0]),
        "spend": ("number", [0.5, nan, 9.0]),
        "status": ("text", ["ACTIVE", "", "LEFT"]),
        "recent_items": ("text", [["a", "b"], ["", ""], ["c", ""]]),
        "recent_counts": ("number", [[2.0, 1.0], [0.0, 0.0], [1.0, 77.0]]),  # padded with anything
        "recent_days": ("number", [[1.0, 30.0], [nan, nan], [0.0, -3.0]]),
        "colours": ("text", [["red", "blue", ""], ["", "", ""], ["", "", ""]]),
        "colour_counts": ("number", [[2.0, 1.0, 5.0], [0.0, 0.0, 0.0], [0.0, nan, 0.0]]),
    }

    vectors, ours, signature = ask_a_stranger(saved / "query_tower", inputs, tmp_path)

    assert ours == []
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
    assert sorted(vectors) == ["new_vector", "vector"]
    anything, something_new = towers.query_vectors(tiny.users)
    np.testing.assert_allclose(vectors["vector"], anything, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vectors["new_vector"], something_new, rtol=1e-5, atol=1e-6)


def test_a_saved_item_tower_answers_with_one_vector(towers, saved, tiny, tmp_path):
    inputs = {
        "item_id": ("text", ["a", "b", "c"]),
        "colour": ("text", ["red", "blue", ""]),
        "group": ("text", ["Hats", "Shoes", "Hats"]),
        "sales": ("number", [3.0, 0.0, float("nan")]),
    }

    vectors, ours, signature = ask_a_stranger(saved / "item_tower", inputs, tmp_path)

    assert ours == []
    assert signature == {
        "item_id": ["string", 1],
        "colour": ["string", 1],
        "group": ["string", 1],
        "sales": ["float32", 1],
    }
    assert list(vectors) == ["vector"]
    np.testing.assert_allclose(vectors["vector"], towers.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)


def test_a_saved_tower_gives_the_vectors_of_the_tower_in_memory(towers, query_tower, item_tower, tiny):
    (anything, something_new), items = query_tower.query_vectors(tiny.users), item_tower.vectors(tiny.items)

    for saved, in_memory in zip((anything, something_new), towers.query_vectors(tiny.users), strict=True):
        np.testing.assert_allclose(saved, in_memory, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(items, towers.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)
    for vectors in (anything, something_new, items):
        assert len(np.unique(vectors.round(4), axis=0)) == 3
        assert vectors.dtype == np.float32
        assert vectors.shape == (3, 7)


def test_whoever_asks_for_the_vectors_gets_those_for_anything(query_tower, tiny):
    anything, something_new = query_tower.query_vectors(tiny.users)

    assert query_tower.vectors(tiny.users).tolist() == anything.tolist()
    assert not np.allclose(something_new, anything)


@pytest.mark.parametrize(
    "user",
    [
        {
            "user_id": "unheard of",
            "age": 1.0,
            "spend": 1.0,
            "status": "unheard of",
            "recent_items": ["unheard of", "b"],
            "recent_counts": [3.0, 1.0],
            "recent_days": [0.0, 9.0],
            "colours": ["unheard of"],
            "colour_counts": [4.0],
        },
        {},
        {
            "user_id": "",
            "age": float("nan"),
            "spend": -1.0,
            "status": "",
            "recent_items": [],
            "recent_counts": [],
            "recent_days": [],
        },
        {
            "user_id": "u1",
            "age": 20.0,
            "recent_items": ["c", *["a"] * 170],
            "recent_counts": [5.0, *range(170)],
            "recent_days": [2.0, *range(170)],
            "colours": ["red", *["blue"] * 70],
            "colour_counts": [1.0, *range(70)],
        },
        {
            "user_id": "u1",
            "recent_items": ["a", "", "b"],
            "recent_counts": [None, 1.0, 2.0],
            "recent_days": [1.0, float("nan"), -4.0],
        },
        {"user_id": "Ünï", "age": 20.0, "spend": 0.5, "status": "日本", "recent_items": ["b"], "recent_counts": [1.0]},
    ],
    ids=["unknown", "null", "empty", "long lists", "gaps in lists", "not ascii"],
)
def test_whatever_a_value_is_the_raw_words_and_the_arrow_codes_give_the_same_vectors(towers, query_tower, tiny, user):
    rows = tiny.table(tiny.query_schema, [user])

    for saved, in_memory in zip(query_tower.query_vectors(rows), towers.query_vectors(rows), strict=True):
        assert np.isfinite(saved).all()
        np.testing.assert_allclose(saved, in_memory, rtol=1e-5, atol=1e-6)


def test_a_saved_tower_cuts_lists_that_are_too_long_itself(saved):
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


def test_numbers_that_go_with_a_list_reach_the_vectors(query_tower, tiny):
    user = {"user_id": "u1", "recent_items": ["a", "b"], "recent_counts": [1.0, 2.0], "recent_days": [3.0, 4.0]}
    others = [user, {**user, "recent_counts": [2.0, 1.0]}, {**user, "recent_days": [30.0, 4.0]}]

    for vectors in query_tower.query_vectors(tiny.table(tiny.query_schema, others)):
        assert len(np.unique(vectors.round(4), axis=0)) == 3


def test_unknown_and_missing_words_are_different_things(query_tower, tiny):
    user = {"user_id": "u1", "age": 20.0, "spend": 0.5, "recent_items": ["a"], "recent_counts": [1.0]}
    statuses = ["ACTIVE", "LEFT", "unheard of", None]

    vectors = query_tower.vectors(tiny.table(tiny.query_schema, [{**user, "status": status} for status in statuses]))

    assert len(np.unique(vectors.round(4), axis=0)) == 4


def test_a_batch_gives_the_vectors_of_its_rows_one_by_one(query_tower, tiny):
    one_by_one = [query_tower.query_vectors(tiny.users.slice(row, 1)) for row in range(3)]

    for together, parts in zip(query_tower.query_vectors(tiny.users), zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_allclose(together, np.concatenate(parts), rtol=1e-5, atol=1e-6)


def test_a_saved_tower_has_no_dropout(query_tower, tiny):
    assert query_tower.vectors(tiny.users).tobytes() == query_tower.vectors(tiny.users).tobytes()
