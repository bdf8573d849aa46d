import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from candidates.blender import BlendedLists
from candidates.candidate_file import (
    CANDIDATE_TABLE,
    CANDIDATES,
    CandidateFile,
    candidates_to_table,
    read_description,
    read_users,
)
from features.errors import InputError

ITEM_IDS = pa.array(["a", "b", "c"])


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


def test_each_candidate_becomes_a_row_with_its_sources_and_padding_is_dropped():
    lists = blended(
        [[2, 0], [1, -1], [-1, -1]],
        [[3.5, 1.0], [0.5, -np.inf], [-np.inf, -np.inf]],
        [[[1, 3], [2, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]],
    )

    table = candidates_to_table(
        ["u2", "u1", "u3"],
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


def test_a_table_without_rows_has_all_columns():
    table = candidates_to_table([], blended(np.empty((0, 2))), ITEM_IDS, *unranked(np.empty((0, 2))))

    assert table.schema.equals(CANDIDATE_TABLE)
    assert table.column_names == [
        "user_id", "item_id", "rank", "ranking_score", "retrieval_rank", "score", "sources", "source_ranks",
        "source_scores",
    ]  # fmt: skip
    assert table.cast(CANDIDATES).schema.field("sources").type == pa.list_(pa.string())
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
def test_lists_that_do_not_match_users_or_items_are_refused(user_ids, positions, message):
    with pytest.raises(ValueError, match=message):
        candidates_to_table(user_ids, blended(positions), ITEM_IDS, *unranked(positions))


def candidates_of(*rows):
    return pa.Table.from_pylist(
        [dict(zip(CANDIDATES.names, row, strict=True)) for row in rows],
        schema=CANDIDATE_TABLE,
    )


FIRST = candidates_of(
    ("u1", "a", 1, None, 1, 0.5, ["two_tower", "popularity"], [1, 4], [0.9, 2.0]),
    ("u1", "b", 2, None, 2, 0.25, ["two_tower"], [2], [0.8]),
    ("u2", "c", 1, 0.5, 3, 7.0, ["popularity"], [1], [3.0]),
)
SECOND = candidates_of(("u3", "a", 1, None, 1, 0.5, ["two_tower"], [1], [0.7]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "candidates.parquet"


def write(path, release="r"):
    with CandidateFile.create(path) as file:
        file.append(FIRST)
        file.append(SECOND)
        file.describe(release=release, k=2)
    return file


def write_and_fail(path):
    with CandidateFile.create(path) as file:
        file.append(SECOND)
        raise ZeroDivisionError


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_batches_are_appended_and_described_in_a_json_file(path):
    file = write(path)

    assert pq.read_table(path).equals(pa.concat_tables([FIRST, SECOND]).cast(CANDIDATES))
    assert list(pq.read_schema(path)) == list(CANDIDATES)
    assert names_in(path.parent) == ["candidates.json", "candidates.parquet"]
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == {
        "users": 3,
        "rows": 4,
        "rows_by_source": {"two_tower": 3, "popularity": 2},
        "release": "r",
        "k": 2,
    }
    path.with_suffix(".json").unlink()
    assert read_description(path) == {
        "users": 3,
        "rows": 4,
        "rows_by_source": {"two_tower": 3, "popularity": 2},
        "release": "r",
        "k": 2,
    }
    assert (file.users, file.rows, dict(file.sources)) == (3, 4, {"two_tower": 3, "popularity": 2})


def test_a_failed_run_leaves_both_files_of_the_last_run(path):
    write(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    with pytest.raises(ZeroDivisionError):
        write_and_fail(path)

    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_process_that_ends_between_the_two_files_leaves_no_description_of_other_rows(path, monkeypatch):
    write(path)
    replace = Path.replace

    def end_after_parquet(self, target):
        if target.suffix == ".json":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", end_after_parquet)
    with pytest.raises(KeyboardInterrupt):
        write(path, release="other")

    assert names_in(path.parent) == ["candidates.parquet"]
    assert read_description(path)["release"] == "other"


def test_a_second_writer_is_refused(path):
    with CandidateFile.create(path) as file:
        with pytest.raises(InputError, match=r"candidates\.parquet is being written by process"):
            write(path)
        file.append(FIRST)
        file.describe(release="first")

    assert read_description(path)["release"] == "first"
    assert names_in(path.parent) == ["candidates.json", "candidates.parquet"]


def test_a_file_without_a_description_is_not_written(path):
    with pytest.raises(ValueError, match="description"), CandidateFile.create(path) as file:
        file.append(FIRST)

    assert names_in(path.parent) == []


def test_a_path_that_does_not_end_in_parquet_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"candidates\.csv .*\.parquet"):
        CandidateFile.create(tmp_path / "candidates.csv").__enter__()

    assert names_in(tmp_path) == []


def test_the_first_candidates_of_the_first_users_are_read_in_order(path):
    write(path)

    found = read_users(path, users=2, top=1)

    assert {user: rows["item_id"].to_pylist() for user, rows in found.items()} == {"u1": ["a"], "u2": ["c"]}
    assert list(read_users(path, users=9, top=9)) == ["u1", "u2", "u3"]


@pytest.mark.parametrize(("users", "top"), [(1, 9), (2, 9), (3, 9), (3, 1)])
def test_a_list_that_spans_two_row_groups_is_read_whole(path, users, top):
    write(path)
    whole = pq.read_table(path)

    pq.write_table(whole, path, row_group_size=1)

    found, requested = read_users(path, users, top), pa.array(["u1", "u2", "u3"][:users])
    assert pq.ParquetFile(path).num_row_groups == len(whole) > 3
    assert list(found) == requested.to_pylist()
    expected = whole.filter(pc.and_(pc.is_in(whole["user_id"], requested), pc.less_equal(whole["rank"], top)))
    assert pa.concat_tables(found.values()).equals(expected)


def test_missing_files_and_files_of_other_kinds_are_refused(path):
    with pytest.raises(InputError, match=r"candidates\.parquet: run `python jobs/generate_candidates\.py`"):
        read_users(path, 1, 1)
    path.parent.mkdir()
    path.write_text("text", encoding="utf-8")
    with pytest.raises(InputError, match=r"candidates\.parquet is not a Parquet file"):
        read_users(path, 1, 1)
    pq.write_table(pa.table({"user_id": ["u"]}), path)
    with pytest.raises(InputError, match=r"has columns \['user_id'\], not \['user_id', 'item_id'"):
        read_users(path, 1, 1)
