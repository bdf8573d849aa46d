"""The training set as numbers in files, a row group a day: what is written is what is read."""

import uuid
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

PURCHASES = [
    ("u1", "a", 0),
    ("u1", "b", 0),
    ("u2", "a", 0),
    ("u3", "a", 0),
    ("u3", "b", 0),
    ("u1", "a", 4),
    ("u1", "c", 4),
    ("u1", "c", 4),
]
SAMPLED = ["a", "c", "b", "c"]  # two for each day


@pytest.fixture
def encoded(tiny, tmp_path):
    def encoded(rows=None, *, shares_of_day=True, done=lambda _: None):
        from models.training.encoded_set import EncodedSet

        rows = rows or tiny.training_set(PURCHASES, SAMPLED, 2)
        return EncodedSet.write(
            rows, tiny.encodings(), tmp_path / str(uuid.uuid4()), shares_of_day=shares_of_day, done=done
        )

    return encoded


def test_a_row_group_is_a_day(encoded):
    done = []

    written = encoded(done=done.append)

    def rows(name):
        file = pq.ParquetFile(written.folder / f"{name}.parquet")
        return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]

    assert {name: rows(name) for name in ("queries", "users", "purchases", "candidates", "items")} == {
        "queries": [3, 1],
        "users": [3, 1],
        "purchases": [5, 3],
        "candidates": [7, 5],
        "items": [7, 5],
    }
    assert (written.purchases_per_day.tolist(), written.sampling_probability, done) == ([5, 3], 1 / 3, [1, 1])


def test_a_day_holds_its_queries_once_its_purchases_and_their_items_and_then_the_drawn_ones(encoded):
    read = encoded().reader()
    first, second = read(0), read(1)

    assert first.query_rows.tolist() == [0, 0, 1, 2, 2]
    assert first.users.tolist() == [0, 1, 2]
    assert first.new.tolist() == [True, True, True, True, True]
    np.testing.assert_array_equal(first.queries["age"], np.array([20, np.nan, 60], np.float32))
    assert first.queries["recent_items"].shape == (3, 128)
    assert first.queries["recent_items"][:, :3].tolist() == [[2, 3, 0], [0, 0, 0], [4, 0, 0]]
    assert first.queries["recent_days"].shape == (3, 128)
    assert first.queries["recent_days"][:, :3].tolist() == [[1, 30, 0], [0, 0, 0], [0, 0, 0]]
    assert first.queries["colours"].shape == first.queries["colour_counts"].shape == (3, 50)
    assert first.queries["colours"][:, :3].tolist() == [[3, 2, 0], [0, 0, 0], [0, 0, 0]]
    words = ["", "", "a", "b", "c"]
    assert [words[code] for code in first.candidates] == ["a", "b", "a", "a", "b", "a", "c"]
    np.testing.assert_array_equal(first.items["sales"], np.array([3, 0, 3, 3, 0, 3, np.nan], np.float32))
    assert [words[code] for code in second.candidates] == ["a", "c", "c", "b", "c"]
    assert (second.query_rows.tolist(), second.users.tolist()) == ([0, 0, 0], [0])
    assert second.new.tolist() == [False, True, True]
    assert (first.new.dtype, first.users.dtype) == (np.bool_, np.int32)


def test_sold_is_the_share_of_the_days_purchases_that_were_of_the_item(encoded):
    read = encoded().reader()

    assert read(0).sold.tolist() == pytest.approx([3 / 5, 2 / 5, 3 / 5, 3 / 5, 2 / 5, 3 / 5, 0])
    assert read(1).sold.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 0, 2 / 3])


def test_or_the_share_of_all_purchases(encoded):
    read = encoded(shares_of_day=False).reader()

    assert read(0).sold.tolist() == pytest.approx([4 / 8, 2 / 8, 4 / 8, 4 / 8, 2 / 8, 4 / 8, 2 / 8])
    assert read(1).sold.tolist() == pytest.approx([4 / 8, 2 / 8, 2 / 8, 2 / 8, 2 / 8])


def test_codes_are_read_as_they_were_written(encoded, tiny):
    fitted = tiny.encodings()

    day = encoded().reader()(0)

    bought = [{"a": 0, "b": 1, "c": 2}[item] for item in ("a", "b", "a", "a", "b", "a", "c")]
    for side, rows, read in (
        (fitted.query, tiny.users, day.queries),
        (fitted.item, tiny.items.take(bought), day.items),
    ):
        codes = side.encode(rows)
        assert list(read) == list(codes)
        for name, values in codes.items():
            np.testing.assert_array_equal(read[name], values)
            assert read[name].dtype == values.dtype


def test_a_folder_that_is_there_is_refused_because_its_files_may_be_the_ones_that_are_read(tiny):
    from models.training.encoded_set import EncodedSet

    rows = tiny.training_set(PURCHASES, SAMPLED, 2)

    with pytest.raises(FileExistsError):
        EncodedSet.write(rows, tiny.encodings(), rows.items.paths[0].parent, shares_of_day=True)
    assert rows.items.table().num_rows == 8


def test_purchases_that_do_not_lead_to_the_queries_are_an_error(encoded, tiny):
    rows = tiny.training_set(PURCHASES, SAMPLED, 2)
    other = tiny.training_set([*PURCHASES[:3], *PURCHASES[5:]], SAMPLED, 2)

    with pytest.raises(ValueError, match="rows are missing"):
        encoded(replace(rows, queries=other.queries))
    with pytest.raises(ValueError, match="A day has 2 queries, and its purchases lead to 3"):
        encoded(replace(rows, queries=other.queries, queries_per_day=other.queries_per_day))
