"""A release with random weights, shared by the tests that read it, and a copy of it for tests that change it."""

import shutil

import pytest


@pytest.fixture(scope="session")
def towers(tiny):
    return tiny.towers(seed=3)


@pytest.fixture(scope="session")
def written(tiny, towers, tmp_path_factory):
    """The folder of the releases, and the version of the only one in it."""
    releases = tmp_path_factory.mktemp("releases")
    return releases, tiny.write_release(releases, towers)


@pytest.fixture
def releases(written, tmp_path):
    """A copy of the releases, for tests that change it."""
    shutil.copytree(written[0], tmp_path / "releases")
    return tmp_path / "releases"


@pytest.fixture
def folder(releases, written):
    return releases / written[1]
