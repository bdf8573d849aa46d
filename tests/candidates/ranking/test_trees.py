import numpy as np
import pytest
from fixtures import ranking_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from candidates.ranking.trees import MAX_LEAVES, Trees
from features.errors import InputError


def draw_rows(seed, rows=2_000, columns=6):
    """Rounded and missing values, so that ties at thresholds and the side of missing values matter."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, columns)).astype(np.float32).round(1)
    matrix[generator.random(matrix.shape) < 0.2] = np.nan
    matrix[:, 1] = np.where(
        generator.random(rows) < 0.5, np.float32(np.nan), np.float32(1)
    )  # informative only by being missing
    odds = np.nan_to_num(matrix[:, 0]) - np.isnan(matrix[:, 2]) + 2 * np.isnan(matrix[:, 1])
    return matrix, generator.random(rows) < 1 / (1 + np.exp(-odds))


def fit(seed, **settings):
    matrix, classes = draw_rows(seed)
    parameters = {"max_iter": 20, "max_leaf_nodes": 15, "min_samples_leaf": 5, "early_stopping": False, **settings}
    with threadpool_limits(1, "openmp"):
        return HistGradientBoostingClassifier(random_state=seed, **parameters).fit(matrix, classes)


@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 16), smallest=st.sampled_from([1, 20, 600]))
@settings(max_examples=15, deadline=None)
def test_scores_equal_those_of_scikit_learn_to_the_bit(seed, leaves, smallest):
    model = fit(seed, max_leaf_nodes=leaves, min_samples_leaf=smallest)
    others, _ = draw_rows(seed + 1)

    with threadpool_limits(1, "openmp"):
        expected = model.decision_function(others).astype(np.float32)

    assert np.array_equal(Trees.from_model(model, np.arange(6), 6).score(others), expected)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 200))
def test_scores_equal_the_reference_to_the_bit_whatever_the_number_of_rows(seed, rows):
    trees, (matrix, _) = Trees.from_model(fit(seed % 3), np.arange(6), 6), draw_rows(seed, 200)

    scores = trees.score(matrix[:rows])

    assert np.array_equal(scores, reference.score(trees, matrix)[:rows])
    assert scores.dtype == np.float32


def test_rows_may_be_a_part_of_another_matrix():
    trees, (matrix, _) = Trees.from_model(fit(1), np.arange(6), 6), draw_rows(2)

    assert np.array_equal(trees.score(np.asfortranarray(matrix)), trees.score(matrix))
    assert np.array_equal(trees.score(matrix[::2]), trees.score(matrix)[::2])


def test_trees_without_tests_have_one_score():
    trees = Trees.from_model(fit(1, min_samples_leaf=1_500), np.arange(6), 6)

    assert trees.used_columns == ()
    assert len(set(trees.score(draw_rows(1)[0]).tolist())) == 1


def test_columns_outside_the_model_are_ignored():
    model, (matrix, _) = fit(1), draw_rows(1)
    wide = np.full((len(matrix), 9), np.float32(np.nan))
    columns = np.array([8, 1, 0, 3, 5, 4])
    wide[:, columns] = matrix

    trees = Trees.from_model(model, columns, 9)

    assert np.array_equal(trees.score(wide), Trees.from_model(model, np.arange(6), 6).score(matrix))
    assert set(trees.used_columns) <= set(columns.tolist())


def test_too_many_leaves_are_rejected():
    with pytest.raises(ValueError, match=r"has 1[7-9] leaves|has [2-3]\d leaves"):
        Trees.from_model(fit(1, max_leaf_nodes=31), np.arange(6), 6)


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((2, 5), np.float32),
        np.zeros((2, 6)),
        np.zeros(6, np.float32),
        np.full((1, 6), np.inf, np.float32),
    ],
)
def test_the_matrix_must_be_finite_float32_with_all_columns(matrix):
    with pytest.raises(ValueError, match=r"finite float32 \(rows, 6\)"):
        Trees.from_model(fit(1), np.arange(6), 6).score(matrix)


def test_trees_are_read_as_they_were_written(tmp_path):
    trees, (matrix, _) = Trees.from_model(fit(1), np.arange(6), 6), draw_rows(2)
    trees.write(tmp_path / "trees.npz")

    again = Trees.read(tmp_path / "trees.npz", 6)

    assert np.array_equal(again.score(matrix), trees.score(matrix))
    assert again.used_columns == trees.used_columns


def test_files_without_trees_are_rejected(tmp_path):
    path = tmp_path / "trees.npz"
    with pytest.raises(InputError, match=r"trees\.npz does not contain the trees"):
        Trees.read(path, 6)
    path.write_bytes(b"not a file of arrays")
    with pytest.raises(InputError, match=r"trees\.npz does not contain the trees"):
        Trees.read(path, 6)
    np.savez(path, start=1.0, features=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(InputError, match=r"trees\.npz does not contain the trees"):
        Trees.read(path, 6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.full((20, 14), 12, np.int32)}, "tests of more than 6 features"),
        ({"features": np.zeros((20, 14))}, "dtypes"),
        ({"features": np.zeros((19, 14), np.int32)}, "shape"),
        ({"kept": np.zeros((20, 13), np.uint16)}, "arrays of different shapes"),
        ({"kept": np.zeros((20, 14), np.uint16)}, "a tree whose tests exclude every leaf"),
        ({"values": np.zeros((20, 15))}, "shape"),
        ({"values": np.full((20, 16), np.nan)}, "numbers that are not finite"),
        ({"start": np.zeros(2)}, "scalar"),
    ],
)
def test_arrays_of_the_wrong_form_are_rejected(tmp_path, changes, message):
    path = tmp_path / "trees.npz"
    Trees.from_model(fit(1), np.arange(6), 6).write(path)
    with np.load(path, allow_pickle=False) as content:
        arrays = dict(content)
    assert arrays["features"].shape == (20, MAX_LEAVES - 2)
    np.savez(path, **{**arrays, **changes})

    with pytest.raises(InputError, match=message):
        Trees.read(path, 6)
