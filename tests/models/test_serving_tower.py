"""The query tower in serving computes what the trained tower computes."""

import numpy as np
import pytest

SETTINGS = [
    {},
    {"has_new_item_head": False},
    {"item_memory_dimensions": 0},
    {"hidden_widths": (16, 8)},
]
USERS = {
    "unknown values": {
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
    "no values": {},
    "empty values": {
        "user_id": "",
        "age": float("nan"),
        "spend": -1.0,
        "status": "",
        "recent_items": [],
        "recent_counts": [],
        "recent_days": [],
    },
    "lists longer than their maximum": {
        "user_id": "u1",
        "age": 20.0,
        "recent_items": ["c", *["a"] * 170],
        "recent_counts": [5.0, *range(170)],
        "recent_days": [2.0, *range(170)],
        "colours": ["red", *["blue"] * 70],
        "colour_counts": [1.0, *range(70)],
    },
    "gaps in lists": {
        "user_id": "u1",
        "recent_items": ["a", "", "b", None, "c"],
        "recent_counts": [None, 1.0, 2.0, 3.0, 4.0],
        "recent_days": [1.0, float("nan"), -4.0, 2.0, 0.5],
    },
    "fewer and more numbers than elements": {
        "user_id": "u1",
        "recent_items": ["a", "b", "c"],
        "recent_counts": [1.0],
        "recent_days": [1.0, 2.0, 3.0, 4.0, 5.0],
        "colours": ["blue"],
    },
    "not ascii": {"user_id": "Ünï", "status": "日本", "recent_items": ["b"], "recent_counts": [1.0]},
}


def randomize(towers, seed):
    """Give all weights values unlike their initial ones: biases and repeat weights begin as zeros."""
    generator = np.random.default_rng(seed)
    for variable in towers.model.trainable_variables:
        variable.assign(generator.normal(0, 0.5, variable.shape))
    return towers


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def pair(request, tiny):
    """A trained tower, and the tower that serves its checkpoint."""
    from dataclasses import replace

    from models.serving_tower import ServingQueryTower

    towers = randomize(tiny.towers(seed=3, **request.param), seed=1)
    return towers, ServingQueryTower.from_checkpoint(towers.checkpoint, replace(tiny.config, **request.param))


@pytest.fixture(scope="module")
def serving(tiny):
    from models.serving_tower import ServingQueryTower

    return ServingQueryTower.from_checkpoint(randomize(tiny.towers(seed=3), seed=1).checkpoint, tiny.config)


def random_users(tiny, count, seed):
    """Users with missing values, tokens outside the vocabularies, empty lists and long lists."""
    generator = np.random.default_rng(seed)

    def one_of(*values):
        return values[generator.integers(len(values))]

    def numbers(length):
        return [one_of(None, -1.0, 0.0, 1.0, float(generator.integers(99))) for _ in range(length)]

    def user():
        items, colours = generator.integers(0, one_of(1, 5, 150)), generator.integers(0, one_of(1, 5, 70))
        return {
            "user_id": one_of("u1", "u3", "unseen", None),
            "age": one_of(None, 20.0, 61.5),
            "spend": one_of(None, -3.0, 0.0, 12.25),
            "status": one_of("ACTIVE", "LEFT", "unseen", "", None),
            "recent_items": one_of(None, [one_of("a", "b", "c", "unseen", "") for _ in range(items)]),
            "recent_counts": numbers(items),
            "recent_days": numbers(items),
            "colours": [one_of("red", "blue", "unseen", None) for _ in range(colours)],
            "colour_counts": numbers(colours),
        }

    return tiny.table(tiny.query_schema, [user() for _ in range(count)])


def assert_equal_vectors(pair, rows):
    trained, serving = pair
    for vectors, expected in zip(serving.query_vectors(rows), trained.query_vectors(rows), strict=True):
        assert vectors.dtype == np.float32
        assert vectors.shape == expected.shape
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_it_returns_the_vectors_of_the_trained_tower(pair, tiny, user):
    assert_equal_vectors(pair, tiny.table(tiny.query_schema, [user]))


def test_it_returns_the_vectors_of_the_trained_tower_for_random_users(pair, tiny):
    assert_equal_vectors(pair, random_users(tiny, 200, seed=2))


def test_no_users_have_no_vectors(serving, tiny):
    queries, new_item_queries = serving.query_vectors(tiny.users.slice(0, 0))

    assert (queries.shape, new_item_queries.shape) == ((0, 7), (0, 4))


def test_the_vectors_of_a_user_do_not_depend_on_the_other_users_of_the_call(serving, tiny, monkeypatch):
    rows = random_users(tiny, 50, seed=3)
    together = serving.query_vectors(rows)

    alone = [serving.query_vectors(rows.slice(row, 1)) for row in range(50)]
    monkeypatch.setattr("models.serving_tower._ROWS_PER_CALL", 7)
    in_parts = serving.query_vectors(rows)

    for vectors, single, parts in zip(together, zip(*alone, strict=True), in_parts, strict=True):
        assert vectors.tobytes() == np.concatenate(single).tobytes() == parts.tobytes()


def test_lists_are_cut_at_their_maximum_length(serving, tiny):
    def vectors(items, colours):
        user = {"recent_items": items, "recent_counts": [1.0] * len(items), "colours": colours}
        return serving.query_vectors(tiny.table(tiny.query_schema, [user]))

    full = vectors(["a"] * 128, ["red"] * 50)
    longer = vectors(["a"] * 128 + ["b"] * 40, ["red"] * 50 + ["blue"] * 30)
    shorter = vectors(["a"] * 127, ["red"] * 50)

    for vector, same, other in zip(full, longer, shorter, strict=True):
        assert vector.tobytes() == same.tobytes()
        assert vector.tobytes() != other.tobytes()


def test_numbers_aligned_with_a_list_reach_the_vectors(serving, tiny):
    user = {"user_id": "u1", "recent_items": ["a", "b"], "recent_counts": [1.0, 2.0], "recent_days": [3.0, 4.0]}
    others = [user, {**user, "recent_counts": [2.0, 1.0]}, {**user, "recent_days": [30.0, 4.0]}]

    for vectors in serving.query_vectors(tiny.table(tiny.query_schema, others)):
        assert len(np.unique(vectors.round(4), axis=0)) == 3


def test_unknown_and_missing_values_give_different_vectors(serving, tiny):
    user = {"user_id": "u1", "age": 20.0, "spend": 0.5, "recent_items": ["a"], "recent_counts": [1.0]}
    statuses = ["ACTIVE", "LEFT", "unseen", None]

    vectors, _ = serving.query_vectors(tiny.table(tiny.query_schema, [{**user, "status": each} for each in statuses]))

    assert len(np.unique(vectors.round(4), axis=0)) == 4
