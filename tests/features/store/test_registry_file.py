"""Feast's registry as a file that is replaced as a whole."""

import errno
import os

import pytest

from features.errors import InputError


@pytest.fixture
def registry(tmp_path):
    """A registry file that holds a project `old`."""
    from feast.repo_config import RegistryConfig

    from features.store.registry_file import AtomicFileRegistryStore

    store = AtomicFileRegistryStore(RegistryConfig(path="data/registry.db"), tmp_path)
    store.update_registry_proto(with_project("old"))
    return store


def with_project(name):
    from feast.protos.feast.core.Registry_pb2 import Registry

    registry = Registry()
    registry.projects.add().spec.name = name
    return registry


def projects(registry):
    return [project.spec.name for project in registry.get_registry_proto().projects]


def test_the_checkout_uses_it(root):
    import yaml

    settings = yaml.safe_load((root / "feature_repo" / "feature_store.yaml").read_text(encoding="utf-8"))

    assert settings["registry"]["registry_store_type"] == "features.store.registry_file.AtomicFileRegistryStore"


def test_what_is_written_is_read(registry, tmp_path):
    registry.update_registry_proto(with_project("new"))

    assert projects(registry) == ["new"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["registry.db"]


def test_a_disk_that_takes_a_part_leaves_the_old_registry(registry, tmp_path, monkeypatch):
    from feast.infra.registry.file import FileRegistryStore

    whole = FileRegistryStore._write_registry

    def write_a_part(self, proto):
        whole(self, proto)
        os.truncate(self._filepath, 3)

    monkeypatch.setattr(FileRegistryStore, "_write_registry", write_a_part)
    with pytest.raises(InputError, match=rf"registry\.db cannot be written \({os.strerror(errno.ENOSPC)}\)"):
        registry.update_registry_proto(with_project("new"))

    assert projects(registry) == ["old"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["registry.db"]


def test_a_process_that_ends_while_it_writes_leaves_the_old_registry(registry, monkeypatch):
    from feast.infra.registry import file

    def end(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(file.os, "fsync", end)  # after the file was emptied and written
    with pytest.raises(KeyboardInterrupt):
        registry.update_registry_proto(with_project("new"))

    assert projects(registry) == ["old"]
