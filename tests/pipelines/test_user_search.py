"""Users are found by the first characters of their id, from one read of the table."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
from fixtures.serving import MOMENT


@pytest.fixture
def search(monkeypatch):
    """A search over ids in the order of their bytes, and the moments at which they were read."""
    from pipelines import user_search

    read = []

    def user_ids(store, moment):
        read.append(moment)
        return pa.array(["0", "01", "010", "011", "1", "Z", "a", "é", "éa", "\U0001f600"])

    monkeypatch.setattr(user_search, "user_ids", user_ids)
    pipeline = SimpleNamespace(reader=SimpleNamespace(store=None), moment=MOMENT)
    return user_search.UserSearch(pipeline), read


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", ["0", "01", "010"]),
        ("01", ["01", "010", "011"]),
        ("011", ["011"]),
        ("0111", []),
        ("é", ["é", "éa"]),
        ("\U0001f600", ["\U0001f600"]),
        ("b", []),
        ("\U0001f601", []),
        ("z", []),
    ],
)
def test_the_first_ids_with_the_prefix_are_found(search, prefix, found):
    assert search[0].find(prefix, 3) == found


def test_the_table_is_read_at_the_first_search_only(search):
    searcher, read = search
    assert read == []

    searcher.find("0", 1)
    searcher.find("1", 1)

    assert read == [MOMENT]
