"""SavedModels of the towers: raw values in, vectors out, with TensorFlow alone."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

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


def test_a_saved_tower_returns_the_vectors_of_the_tower_in_memory(towers, query_tower, item_tower, tiny):
    (queries, new_item_queries), items = query_tower.query_vectors(tiny.users), item_tower.vectors(tiny.items)

    for saved, in_memory in zip((queries, new_item_queries), towers.query_vectors(tiny.users), strict=True):
        np.testing.assert_allclose(saved, in_memory, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(items, towers.item_vectors(tiny.items), rtol=1e-5, atol=1e-6)
    for vectors in (queries, new_item_queries, items):
        assert len(np.unique(vectors.round(4), axis=0)) == 3
        assert vectors.dtype == np.float32
    assert [vectors.shape for vectors in (queries, new_item_queries, items)] == [(3, 7), (3, 4), (3, 7)]


def test_the_vectors_of_a_query_tower_are_its_query_vectors(query_tower, tiny):
    queries, new_item_queries = query_tower.query_vectors(tiny.users)

    assert query_tower.vectors(tiny.users).tolist() == queries.tolist()
    assert not np.allclose(new_item_queries, queries[:, :4])


@pytest.mark.parametrize(
    "user",
    [
        {
            "user_id": "unseen",
            "age": 1.0,
            "spend": 1.0,
            "status": "unseen",
            "recent_items": ["unseen", "b"],
            "recent_counts": [3.0, 1.0],
            "recent_days": [0.0, 9.0],
            "colours": ["unseen"],
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
def test_raw_values_and_encoded_values_give_the_same_vectors(towers, query_tower, tiny, user):
    rows = tiny.table(tiny.query_schema, [user])

    for saved, in_memory in zip(query_tower.query_vectors(rows), towers.query_vectors(rows), strict=True):
        assert np.isfinite(saved).all()
        np.testing.assert_allclose(saved, in_memory, rtol=1e-5, atol=1e-6)


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


def test_numbers_aligned_with_a_list_reach_the_vectors(query_tower, tiny):
    user = {"user_id": "u1", "recent_items": ["a", "b"], "recent_counts": [1.0, 2.0], "recent_days": [3.0, 4.0]}
    others = [user, {**user, "recent_counts": [2.0, 1.0]}, {**user, "recent_days": [30.0, 4.0]}]

    for vectors in query_tower.query_vectors(tiny.table(tiny.query_schema, others)):
        assert len(np.unique(vectors.round(4), axis=0)) == 3


def test_unknown_and_missing_values_give_different_vectors(query_tower, tiny):
    user = {"user_id": "u1", "age": 20.0, "spend": 0.5, "recent_items": ["a"], "recent_counts": [1.0]}
    statuses = ["ACTIVE", "LEFT", "unseen", None]

    vectors = query_tower.vectors(tiny.table(tiny.query_schema, [{**user, "status": status} for status in statuses]))

    assert len(np.unique(vectors.round(4), axis=0)) == 4


def test_a_batch_gives_the_vectors_of_its_single_rows(query_tower, tiny):
    single_rows = [query_tower.query_vectors(tiny.users.slice(row, 1)) for row in range(3)]

    for batch, rows in zip(query_tower.query_vectors(tiny.users), zip(*single_rows, strict=True), strict=True):
        np.testing.assert_allclose(batch, np.concatenate(rows), rtol=1e-5, atol=1e-6)


def test_a_saved_tower_has_no_dropout(query_tower, tiny):
    assert query_tower.vectors(tiny.users).tobytes() == query_tower.vectors(tiny.users).tobytes()
