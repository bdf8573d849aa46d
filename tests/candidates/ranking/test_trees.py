"""Trees in LightGBM's text format give the scores that LightGBM gives."""

import lightgbm
import numpy as np
import pytest

from candidates.ranking.trees import MOST_LEAVES, Trees

STUMP = """tree
max_feature_idx=1

Tree=0
num_leaves=2
split_feature=1
threshold=0.5
decision_type={kind}
left_child=-1
right_child=-2
leaf_value=1 2

end of trees
"""
MISSING_IS_0, MISSING_RIGHT, MISSING_LEFT = 0, 8, 10


@pytest.mark.parametrize(("kind", "of_missing"), [(MISSING_IS_0, 1), (MISSING_RIGHT, 2), (MISSING_LEFT, 1)])
def test_at_most_the_threshold_goes_left(kind, of_missing):
    trees = Trees.parse(STUMP.format(kind=kind))

    matrix = np.array([[9, 0.4], [0, 0.5], [0, np.nextafter(np.float32(0.5), 1)], [0, np.nan]], np.float32)
    assert trees.score(matrix).tolist() == [1, 1, 2, of_missing]
    assert (trees.features, trees.used_columns) == (2, (1,))


@pytest.mark.parametrize("leaves", [2, 15, MOST_LEAVES])
@pytest.mark.parametrize("rows", [0, 1, 64, 1_000])
def test_the_scores_are_those_of_lightgbm_to_the_last_bit(leaves, rows):
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(1_000, 6)).astype(np.float32)
    matrix[:, 1] = np.round(matrix[:, 1])
    matrix[generator.random(matrix.shape) < [0, 0, 0.1, 0.5, 0.9, 1]] = np.nan
    bought = np.nan_to_num(matrix[:, 0] * matrix[:, 2] + matrix[:, 3]) + generator.normal(size=1_000) > 1
    settings = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix, bought.astype(np.float32)), 30)

    trees = Trees.parse(booster.model_to_string())

    matrix[0] = np.nan
    expected = booster.predict(matrix, raw_score=True)[:rows]
    assert np.array_equal(trees.score(matrix[:rows]), expected)
    assert trees.used_columns == tuple(np.flatnonzero(booster.feature_importance()))


def test_trees_of_one_leaf_give_a_constant():
    trees = Trees.parse("tree\nmax_feature_idx=0\n\nTree=0\nnum_leaves=1\nleaf_value=-2.5\n\nend of trees")

    assert trees.score(np.array([[1], [np.nan]], np.float32)).tolist() == [-2.5, -2.5]
    assert trees.used_columns == ()


@pytest.mark.parametrize(
    ("found", "replaced"),
    [
        ("max_feature_idx=1", "max_feature_idx=0"),  # column 1 is tested
        ("num_leaves=2", "num_leaves=3"),
        ("right_child=-2", "right_child=-1"),
        ("left_child=-1", "left_child=0"),
        ("decision_type=8", "decision_type=1"),  # categorical
        ("decision_type=8", "decision_type=4"),  # 0 is missing
        ("threshold=0.5", "threshold=0.5 1"),
        ("leaf_value=1 2", ""),
        ("Tree=0", "tree"),
        ("leaf_value=1 2", "leaf_value=" + "1 " * (MOST_LEAVES + 1)),
    ],
)
def test_other_texts_are_refused(found, replaced):
    text = STUMP.format(kind=8)
    assert found in text

    with pytest.raises(ValueError, match="not trees in LightGBM's text format"):
        Trees.parse(text.replace(found, replaced))
