"""Fixtures for the tests of the as-of store."""

import pytest
from fixtures.asof_store import config_at, write_history


@pytest.fixture
def repo(tmp_path):
    return tmp_path


@pytest.fixture
def config(repo):
    return config_at(repo)


@pytest.fixture
def history(repo):
    """User a has value 1 from day 0 and 2 from day 1 on, user b has 3 from day 0 on."""
    return write_history(repo / "history.parquet", ["a", "a", "b"], [0, 1, 0], [1, 2, 3])
