import ast

import pytest
from plugins.markers import library_markers, markers_of_file, trains


@pytest.mark.parametrize(
    ("modules", "markers"),
    [
        (["numpy", "pathlib"], set()),
        (["features.raw.validation", "candidates.retriever"], set()),
        (["feast.types"], {"feast"}),
        (["tf_keras"], {"tensorflow"}),
        (["features.store.registry"], {"feast"}),
        (["models.two_tower"], {"tensorflow"}),
        (["jobs.train"], {"feast", "tensorflow"}),
    ],
)
def test_a_library_is_found_through_the_modules_that_import_it(modules, markers):
    assert library_markers(modules) == markers


def test_an_import_within_a_function_marks_the_file(tmp_path):
    file = tmp_path / "test_towers.py"
    file.write_text("def test_a_tower():\n    import tensorflow as tf\n", encoding="utf-8")

    assert markers_of_file(file) == {"tensorflow"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('call("train", "--epochs", 1)', True),
        ('done = call("evaluate", *words)', True),
        ("train_release(store, options, folder)", True),
        ('call("materialize", "--repo", repo)', False),
        ('refused("train", "--as-of", "2020-01-04")', False),
        ("call(name)", False),
    ],
)
def test_a_training_is_recognized_by_its_call(code, expected):
    assert trains(ast.parse(code)) is expected


def own_markers(request):
    return {marker.name for marker in request.node.iter_markers()} - {"parametrize"}


@pytest.fixture
def training():
    """Train on call; never called here."""
    return lambda call: call("train", "--epochs", 1)


@pytest.fixture
def release(training):
    return training


def test_a_training_in_a_fixture_of_a_fixture_marks_the_test(request, release):
    assert own_markers(request) == {"trains"}


def test_a_test_of_plain_code_has_no_derived_marker(request):
    assert own_markers(request) == set()
