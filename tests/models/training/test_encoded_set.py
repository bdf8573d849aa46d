"""The encoded training set: one row group per day, read as it was written."""

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
SAMPLED = ["a", "c", "b", "c"]  # two per day


@pytest.fixture
def encoded(tiny, tmp_path):
    def encoded(data=None, *, shares_of_day=True, done=lambda _: None):
        from models.training.encoded_set import EncodedSet

        data = data or tiny.training_set(PURCHASES, SAMPLED, 2)
        return EncodedSet.write(
            data, tiny.encodings(), tmp_path / str(uuid.uuid4()), shares_of_day=shares_of_day, done=done
        )

    return encoded


def test_a_row_group_is_a_day(encoded):
    done = []

    encoded_set = encoded(done=done.append)

    def rows(name):
        file = pq.ParquetFile(encoded_set.folder / f"{name}.parquet")
        return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]

    assert {name: rows(name) for name in ("queries", "users", "purchases", "candidates", "items")} == {
        "queries": [3, 1],
        "users": [3, 1],
        "purchases": [5, 3],
        "candidates": [7, 5],
        "items": [7, 5],
    }
    assert (encoded_set.purchases_per_day.tolist(), done) == ([5, 3], [1, 1])
    read_day = encoded_set.open_reader()
    assert [read_day(day).sampling_probability for day in (0, 1)] == [1 / 3, 1 / 3]


def test_a_day_holds_its_distinct_queries_its_purchases_and_purchased_items_before_sampled_ones(encoded):
    read_day = encoded().open_reader()
    first, second = read_day(0), read_day(1)

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
    item_ids = ["", "", "a", "b", "c"]
    assert [item_ids[code] for code in first.candidates] == ["a", "b", "a", "a", "b", "a", "c"]
    np.testing.assert_array_equal(first.items["sales"], np.array([3, 0, 3, 3, 0, 3, np.nan], np.float32))
    assert [item_ids[code] for code in second.candidates] == ["a", "c", "c", "b", "c"]
    assert (second.query_rows.tolist(), second.users.tolist()) == ([0, 0, 0], [0])
    assert second.new.tolist() == [False, True, True]
    assert (first.new.dtype, first.users.dtype) == (np.bool_, np.int32)


def test_sales_shares_are_those_of_the_day(encoded):
    read_day = encoded().open_reader()

    assert read_day(0).sales_shares.tolist() == pytest.approx([3 / 5, 2 / 5, 3 / 5, 3 / 5, 2 / 5, 3 / 5, 0])
    assert read_day(1).sales_shares.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 0, 2 / 3])


def test_sales_shares_can_be_those_of_the_whole_training_set(encoded):
    read_day = encoded(shares_of_day=False).open_reader()

    assert read_day(0).sales_shares.tolist() == pytest.approx([4 / 8, 2 / 8, 4 / 8, 4 / 8, 2 / 8, 4 / 8, 2 / 8])
    assert read_day(1).sales_shares.tolist() == pytest.approx([4 / 8, 2 / 8, 2 / 8, 2 / 8, 2 / 8])


def test_codes_are_read_as_they_were_written(encoded, tiny):
    encodings = tiny.encodings()

    day = encoded().open_reader()(0)

    candidates = [{"a": 0, "b": 1, "c": 2}[item] for item in ("a", "b", "a", "a", "b", "a", "c")]
    for encoding, rows, read in (
        (encodings.query, tiny.users, day.queries),
        (encodings.item, tiny.items.take(candidates), day.items),
    ):
        codes = encoding.encode(rows)
        assert list(read) == list(codes)
        for name, values in codes.items():
            np.testing.assert_array_equal(read[name], values)
            assert read[name].dtype == values.dtype


def test_an_existing_folder_is_refused_because_its_files_may_be_in_use(tiny):
    from models.training.encoded_set import EncodedSet

    data = tiny.training_set(PURCHASES, SAMPLED, 2)

    with pytest.raises(FileExistsError):
        EncodedSet.write(data, tiny.encodings(), data.items.paths[0].parent, shares_of_day=True)
    assert data.items.table().num_rows == 8


def test_purchases_that_do_not_belong_to_the_queries_are_an_error(encoded, tiny):
    data = tiny.training_set(PURCHASES, SAMPLED, 2)
    other = tiny.training_set([*PURCHASES[:3], *PURCHASES[5:]], SAMPLED, 2)

    with pytest.raises(ValueError, match="too few"):
        encoded(replace(data, queries=other.queries))
    with pytest.raises(ValueError, match=r"2 queries.* 3"):
        encoded(replace(data, queries=other.queries, queries_per_day=other.queries_per_day))
