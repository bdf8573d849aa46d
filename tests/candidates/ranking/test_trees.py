import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from candidates.ranking.trees import MOST_LEAVES, Trees
from features.errors import InputError

NOTHING = np.float32(np.nan)


def rows_of(seed, rows=2_000, columns=6):
    """Rounded and missing values, so that thresholds fall between equal ones and sides for what is missing matter."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, columns)).astype(np.float32).round(1)
    matrix[generator.random(matrix.shape) < 0.2] = NOTHING
    matrix[:, 1] = np.where(generator.random(rows) < 0.5, NOTHING, np.float32(1))  # known or not is all it says
    odds = np.nan_to_num(matrix[:, 0]) - np.isnan(matrix[:, 2]) + 2 * np.isnan(matrix[:, 1])
    return matrix, generator.random(rows) < 1 / (1 + np.exp(-odds))


def fitted(seed, **settings):
    matrix, classes = rows_of(seed)
    chosen = {"max_iter": 20, "max_leaf_nodes": 15, "min_samples_leaf": 5, "early_stopping": False, **settings}
    with threadpool_limits(1, "openmp"):
        return HistGradientBoostingClassifier(random_state=seed, **chosen).fit(matrix, classes)


@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 16), smallest=st.sampled_from([1, 20, 600]))
@settings(max_examples=15, deadline=None)
def test_they_say_what_scikit_learn_says_to_the_bit(seed, leaves, smallest):
    model = fitted(seed, max_leaf_nodes=leaves, min_samples_leaf=smallest)
    others, _ = rows_of(seed + 1)

    with threadpool_limits(1, "openmp"):
        expected = model.decision_function(others).astype(np.float32)

    assert np.array_equal(Trees.of(model, np.arange(6), 6).score(others), expected)


def test_a_tree_that_asks_nothing_says_its_one_value():
    trees = Trees.of(fitted(1, min_samples_leaf=1_500), np.arange(6), 6)

    assert trees.tested == ()
    assert len(set(trees.score(rows_of(1)[0]).tolist())) == 1


def test_columns_that_the_model_was_not_fitted_on_are_passed_over():
    model, (matrix, _) = fitted(1), rows_of(1)
    wide = np.full((len(matrix), 9), NOTHING)
    columns = np.array([8, 1, 0, 3, 5, 4])
    wide[:, columns] = matrix

    trees = Trees.of(model, columns, 9)

    assert np.array_equal(trees.score(wide), Trees.of(model, np.arange(6), 6).score(matrix))
    assert set(trees.tested) <= set(columns.tolist())


def test_too_many_leaves_are_refused():
    with pytest.raises(ValueError, match=r"has 1[7-9] leaves|has [2-3]\d leaves"):
        Trees.of(fitted(1, max_leaf_nodes=31), np.arange(6), 6)


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((2, 5), np.float32),
        np.zeros((2, 6)),
        np.zeros(6, np.float32),
        np.full((1, 6), np.inf, np.float32),
    ],
)
def test_rows_must_be_finite_numbers_of_all_features(matrix):
    with pytest.raises(ValueError, match=r"finite float32 \(rows, 6\)"):
        Trees.of(fitted(1), np.arange(6), 6).score(matrix)


def test_what_is_written_is_read_again(tmp_path):
    trees, (matrix, _) = Trees.of(fitted(1), np.arange(6), 6), rows_of(2)
    trees.write(tmp_path / "trees.npz")

    again = Trees.read(tmp_path / "trees.npz", 6)

    assert np.array_equal(again.score(matrix), trees.score(matrix))
    assert again.tested == trees.tested


def test_files_that_hold_no_trees_are_refused(tmp_path):
    path = tmp_path / "trees.npz"
    with pytest.raises(InputError, match=r"trees\.npz holds no trees of a ranker"):
        Trees.read(path, 6)
    path.write_bytes(b"not a file of arrays")
    with pytest.raises(InputError, match=r"trees\.npz holds no trees of a ranker"):
        Trees.read(path, 6)
    np.savez(path, start=1.0, features=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(InputError, match=r"trees\.npz holds no trees of a ranker"):
        Trees.read(path, 6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": np.full((20, 14), 12, np.int32)}, "tests of more than 6 features"),
        ({"features": np.zeros((20, 14))}, "dtypes"),
        ({"features": np.zeros((19, 14), np.int32)}, "shape"),
        ({"kept": np.zeros((20, 13), np.uint16)}, "arrays of different shapes"),
        ({"kept": np.zeros((20, 14), np.uint16)}, "a tree whose tests bar every leaf"),
        ({"values": np.zeros((20, 15))}, "shape"),
        ({"values": np.full((20, 16), np.nan)}, "numbers that are not finite"),
        ({"start": np.zeros(2)}, "scalar"),
    ],
)
def test_arrays_that_make_no_trees_are_refused(tmp_path, changes, told):
    path = tmp_path / "trees.npz"
    Trees.of(fitted(1), np.arange(6), 6).write(path)
    with np.load(path, allow_pickle=False) as content:
        arrays = dict(content)
    assert arrays["features"].shape == (20, MOST_LEAVES - 2)
    np.savez(path, **{**arrays, **changes})

    with pytest.raises(InputError, match=told):
        Trees.read(path, 6)


def test_three_hundred_rows_take_a_few_milliseconds():
    trees = Trees.of(fitted(1, max_iter=200), np.arange(6), 6)
    matrix, taken = rows_of(2, rows=300)[0], []
    for _ in range(20):
        start = time.perf_counter()
        trees.score(matrix)
        taken.append(time.perf_counter() - start)

    assert sorted(taken)[10] < 0.02  # about 0.8 ms alone on a core; a busy machine is given time
