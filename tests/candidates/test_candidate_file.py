"""Candidate sets on disk: whole or not at all, and with the story of how they were made."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from candidates.candidate_file import CANDIDATES, CandidateFile, read_users
from features.errors import InputError


def candidates_of(*rows):
    return pa.Table.from_pylist(
        [dict(zip(CANDIDATES.names, row, strict=True)) for row in rows],
        schema=CANDIDATES,
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


def write(path):
    with CandidateFile.create(path) as file:
        file.append(FIRST)
        file.append(SECOND)
        file.describe(release="r", k=2)
    return file


def fail_half_way(path):
    with CandidateFile.create(path) as file:
        file.append(SECOND)
        raise ZeroDivisionError


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_batches_are_written_one_after_the_other_with_a_description_beside_them(path):
    file = write(path)

    assert pq.read_table(path).equals(pa.concat_tables([FIRST, SECOND]))
    assert list(pq.read_schema(path)) == list(CANDIDATES)
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == {
        "users": 3,
        "rows": 4,
        "rows_by_source": {"two_tower": 3, "popularity": 2},
        "release": "r",
        "k": 2,
    }
    assert (file.users, file.rows, dict(file.sources)) == (3, 4, {"two_tower": 3, "popularity": 2})
    assert names_in(path.parent) == ["candidates.json", "candidates.parquet"]


def test_a_failure_leaves_both_files_of_the_last_run(path):
    write(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    with pytest.raises(ZeroDivisionError):
        fail_half_way(path)

    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_file_without_its_description_is_not_written(path):
    with pytest.raises(ValueError, match="needs its description"), CandidateFile.create(path) as file:
        file.append(FIRST)

    assert names_in(path.parent) == []


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"candidates\.csv does not end in \.parquet"):
        CandidateFile.create(tmp_path / "candidates.csv").__enter__()

    assert names_in(tmp_path) == []


def test_the_first_candidates_of_the_first_users_are_read_in_order(path):
    write(path)

    found = read_users(path, users=2, top=1)

    assert {user: rows["item_id"].to_pylist() for user, rows in found.items()} == {"u1": ["a"], "u2": ["c"]}
    assert list(read_users(path, users=9, top=9)) == ["u1", "u2", "u3"]


@pytest.mark.parametrize(("users", "top"), [(1, 9), (2, 9), (3, 9), (3, 1)])
def test_a_list_that_goes_on_in_the_next_row_group_is_read_whole(path, users, top):
    write(path)
    whole = pq.read_table(path)

    pq.write_table(whole, path, row_group_size=1)

    found, wanted = read_users(path, users, top), pa.array(["u1", "u2", "u3"][:users])
    assert pq.ParquetFile(path).num_row_groups == len(whole) > 3
    assert list(found) == wanted.to_pylist()
    expected = whole.filter(pc.and_(pc.is_in(whole["user_id"], wanted), pc.less_equal(whole["rank"], top)))
    assert pa.concat_tables(found.values()).equals(expected)


def test_a_missing_file_and_one_of_another_kind_are_refused(path):
    with pytest.raises(InputError, match=r"There is no file .*: run `python jobs/generate_candidates\.py` first"):
        read_users(path, 1, 1)
    path.parent.mkdir()
    path.write_text("text", encoding="utf-8")
    with pytest.raises(InputError, match="is not a Parquet file"):
        read_users(path, 1, 1)
    pq.write_table(pa.table({"user_id": ["u"]}), path)
    with pytest.raises(InputError, match=r"has columns \['user_id'\], not \['user_id', 'item_id'"):
        read_users(path, 1, 1)
