import numpy as np
import pyarrow as pa
import pytest

from candidates.blender import BlendedLists
from candidates.candidate_file import CANDIDATES, candidates_to_table

ITEM_IDS = np.array(["a", "b", "c"])


def blended(positions, scores=None, ranks=None):
    positions = np.array(positions, np.int32)
    ranks = np.zeros((*positions.shape, 2)) if ranks is None else ranks
    scores = positions if scores is None else scores
    ranks = np.array(ranks, np.int32)
    return BlendedLists(
        ("two_tower", "popularity"), positions, np.array(scores, np.float32), ranks, ranks * np.float32(0.5)
    )


def unranked(positions):
    shape = np.array(positions).shape
    return np.ones(shape, np.int32), np.full(shape, np.nan, np.float32)


def test_each_place_becomes_a_row_with_its_sources_and_padding_none():
    lists = blended(
        [[2, 0], [1, -1], [-1, -1]],
        [[3.5, 1.0], [0.5, -np.inf], [-np.inf, -np.inf]],
        [[[1, 3], [2, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]],
    )

    table = candidates_to_table(
        np.array(["u2", "u1", "u3"]),
        lists,
        ITEM_IDS,
        np.array([[2, 1], [1, 0], [0, 0]], np.int32),
        np.array([[0.75, 0.5], [np.nan, np.nan], [np.nan, np.nan]], np.float32),
    )

    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("u2", "c", 1, 0.75, 2, 3.5, ["two_tower", "popularity"], [1, 3], [0.5, 1.5]),
        ("u2", "a", 2, 0.5, 1, 1.0, ["two_tower"], [2], [1.0]),
        ("u1", "b", 1, None, 1, 0.5, ["popularity"], [1], [0.5]),
    ]


def test_the_columns_are_those_the_schema_names_even_without_rows():
    table = candidates_to_table(np.array([], np.str_), blended(np.empty((0, 2))), ITEM_IDS, *unranked(np.empty((0, 2))))

    assert table.schema.equals(CANDIDATES)
    assert table.column_names == [
        "user_id", "item_id", "rank", "ranking_score", "retrieval_rank", "score", "sources", "source_ranks",
        "source_scores",
    ]  # fmt: skip
    assert table.schema.field("sources").type == pa.list_(pa.string())
    assert table.num_rows == 0


@pytest.mark.parametrize(
    ("user_ids", "positions", "message"),
    [
        (["u", "u"], [[0], [1]], "unique"),
        (["u"], [[3]], "below 3"),
        (["u"], [[-1, 0]], "only at the end"),
        (["u", "v"], [[0]], "2 user ids"),
    ],
)
def test_lists_that_do_not_fit_are_refused(user_ids, positions, message):
    with pytest.raises(ValueError, match=message):
        candidates_to_table(np.array(user_ids), blended(positions), ITEM_IDS, *unranked(positions))
