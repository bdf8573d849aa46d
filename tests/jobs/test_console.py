"""What all jobs share."""

import pytest


@pytest.fixture
def scratch():
    from jobs.console import scratch

    return scratch


def test_scratch_is_an_absolute_folder_that_is_gone_afterwards(scratch, tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)

    with scratch(Path("artifacts")) as folder:
        assert folder.is_absolute()
        assert folder.parent == tmp_path / "artifacts"
        (folder / "file").touch()

    assert list(tmp_path.iterdir()) == []


def test_scratch_leaves_what_was_there(scratch, tmp_path):
    (tmp_path / "LATEST").touch()

    with scratch(tmp_path) as folder:
        (folder / "file").touch()

    assert [path.name for path in tmp_path.iterdir()] == ["LATEST"]
