"""Markers derived from the code of a test: `feast`, `tensorflow` and `trains`.

An import that leads to Feast or TensorFlow, at any depth of a file and through any module of this project, marks all
tests of the file; within a fixture it marks the tests that use the fixture. `trains` holds for single tests.

Files that `-m "not feast"` or `-m "not tensorflow"` deselects as a whole are not imported, because importing the
libraries takes ten seconds.
"""

import ast
import inspect
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = {
    "feast": "feast",
    "tensorflow": "tensorflow",
    "tensorflow_recommenders": "tensorflow",
    "tf_keras": "tensorflow",
}
# Fixtures whose source does not show the import: jobs are imported by name or run in a process of their own, and `tiny`
# builds towers in the methods of its class.
MARKERS_OF_FIXTURE = {
    "apply": {"feast"},
    "call": {"feast", "tensorflow"},
    "run_job": {"feast", "tensorflow"},
    "tiny": {"feast", "tensorflow"},
}
TRAINING_JOBS = {"evaluate", "train"}
TRAINING_FUNCTIONS = {"train_release", "train_towers"}
TRAINING_MARKERS = {"learned", "whole_path"}
LOADED_BEFORE = pytest.StashKey[set[str]]()


def imported_names(tree):
    """Names in import statements anywhere below a node: of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def module_file(name):
    """The project's file of a dotted module name, or None for a package without code and for other libraries."""
    path = ROOT / name.replace(".", "/")
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@cache
def imports_of_file(path):
    return frozenset(imported_names(ast.parse(path.read_text(encoding="utf-8"))))


def library_markers(names):
    """Markers of the libraries that the named modules lead to, through the project's own modules."""
    markers, seen, waiting = set(), set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        library = name.split(".")[0]
        if library in LIBRARIES:
            markers.add(LIBRARIES[library])
        elif (path := module_file(name)) is not None:
            waiting.extend(imports_of_file(path))
    return markers


@cache
def markers_of_file(path):
    return library_markers(imports_of_file(path))


@cache
def tree_of(function):
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def trains(tree):
    """Whether code calls a training: `call("train", ...)`, `call("evaluate", ...)` or `train_release(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            job = isinstance(first, ast.Constant) and first.value in TRAINING_JOBS
            if node.func.id in TRAINING_FUNCTIONS or (node.func.id == "call" and job):
                return True
    return False


def fixture_functions(item):
    """The functions of a test's fixtures, direct and indirect, without those of installed packages."""
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:
            path = Path(inspect.getsourcefile(definition.func) or "")
            if path.is_relative_to(ROOT / "tests"):
                yield definition.func


def derived_markers(item):
    markers = set(markers_of_file(item.path))
    functions = list(fixture_functions(item))
    for name in item.fixturenames:
        markers |= MARKERS_OF_FIXTURE.get(name, set())
    for function in functions:
        markers |= library_markers(imported_names(tree_of(function)))
    if any(trains(tree_of(function)) for function in (*functions, item.function)) or any(
        item.get_closest_marker(name) for name in TRAINING_MARKERS
    ):
        markers.add("trains")
    return markers


def loaded_libraries():
    return {marker for library, marker in LIBRARIES.items() if library in sys.modules}


def pytest_ignore_collect(collection_path, config):
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        excluded = {name for name in LIBRARIES.values() if f"not {name}" in config.option.markexpr}
        if excluded & markers_of_file(collection_path):
            return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        for name in sorted(derived_markers(item)):
            item.add_marker(name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.stash[LOADED_BEFORE] = loaded_libraries()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    """Fail a test that loads a library without its marker, so that the fast tests stay fast."""
    unmarked = loaded_libraries() - item.stash[LOADED_BEFORE] - {marker.name for marker in item.iter_markers()}
    if unmarked:
        pytest.fail(f"{item.nodeid} imports {', '.join(sorted(unmarked))} and does not have the marker of this name")
