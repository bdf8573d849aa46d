"""A registry that was truncated, as by `feast apply` on a full disk, is refused with what to do."""

import pytest

from features.errors import InputError


@pytest.mark.parametrize("percent", [0, 1, 20, 40, 60, 80, 99])
def test_a_truncated_registry_is_refused_or_named_as_empty(toy, tmp_path, percent):
    from features.store.registry import open_feature_store
    from features.store.request_services import request_service_fingerprints

    project = toy.copy_to(tmp_path / "copy")
    path = project.root / "data" / "registry.db"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * percent // 100])

    with pytest.raises(InputError, match=rf"registry .*(damaged|empty).*feast -c {project.repo} apply"):
        request_service_fingerprints(open_feature_store(project.repo))


def test_materialization_does_not_write_the_registry(toy, tmp_path):
    from datetime import UTC, datetime

    from features.store.materialization import materialize
    from features.store.registry import open_feature_store

    project = toy.copy_to(tmp_path / "copy")
    path = project.root / "data" / "registry.db"
    before = path.read_bytes()
    materialize(open_feature_store(project.repo), datetime(2020, 2, 5, tzinfo=UTC), from_scratch=False)

    assert path.read_bytes() == before


def test_a_registry_whose_view_lacks_a_feature_of_a_service_is_refused(toy, tmp_path):
    from features.store.registry import open_feature_store

    project = toy.copy_to(tmp_path / "copy")
    path = project.root / "data" / "registry.db"
    content = path.read_bytes()
    # One bit of the first occurrence, which is in the view or in the service.
    path.write_bytes(content.replace(b"recent_counts", b"recent_countr", 1))

    with pytest.raises(InputError, match=rf"registry of {project.repo} is damaged.*lacks the feature 'recent_count.*'"):
        open_feature_store(project.repo)
