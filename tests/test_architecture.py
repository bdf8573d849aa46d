"""Who may import whom, as a table, and what nobody may do."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "feature_repo", "features", "retrieval", "filters", "evaluation", "ranking", "models", "pages", "leakage", "jobs",
)  # fmt: skip

# Each room, and what of this project it may import: rooms, or single modules of them. The plain modules of features/
# (names, errors, dataclasses of tables) go further; what asks Feast is called by jobs only.
MAY_IMPORT = {
    "feature_repo": {"data_sources", "entities", "feature_views", "on_demand_views"},  # its own files, flat
    "features": {"features"},
    "retrieval": {"retrieval", "features.errors", "features.files", "features.schema"},
    "filters": {"filters", "retrieval", "features.errors"},
    "evaluation": {"evaluation", "retrieval", "features.files", "features.schema"},
    "ranking": {
        "ranking", "retrieval", "evaluation.hits", "evaluation.resamples",
        "features.errors", "features.files", "features.schema",
    },
    "models": {
        "models", "ranking.ranker", "evaluation", "features.errors", "features.files", "features.dataset",
        "features.parquet_rows", "features.schema", "features.service_schema", "features.time_split",
        "features.training_set",
    },
    "pages": {"pages", "evaluation", "features.files"},
    "leakage": {"leakage", "models", "evaluation", "retrieval", "features"},
    "jobs": {"jobs", "leakage", "pages", "models", "ranking", "evaluation", "filters", "retrieval", "features"},
    "benchmarks": {
        "jobs.console", "jobs.week", "jobs.refitting", "jobs.training_run",  # what is trained as releases are
        "jobs.filtering", "jobs.three_steps", "filters", "ranking",  # what is asked as releases are
        "models", "evaluation", "retrieval", "features",
    },
}  # fmt: skip

# The heavy libraries, and the rooms that may name them.
HEAVY = {
    "feast": {"feature_repo", "features", "leakage", "jobs", "benchmarks"},
    "tensorflow": {"models", "jobs", "benchmarks"},
    "tf_keras": {"models"},
    "tensorflow_recommenders": {"models", "benchmarks"},
    "click": {"jobs", "benchmarks"},
    "matplotlib": {"pages", "benchmarks"},
    "jinja2": {"pages"},
}
FLAT = {"data_sources", "entities", "feature_views", "on_demand_views", "feature_services"}
OURS = {*ROOMS, "benchmarks", "tests", *FLAT}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
PLAIN = ("build", "feature_tables", "raw_tables", "service_schema", "toy_world")
BELOW_JOBS = ("feature_repo", "features", "retrieval", "filters", "evaluation", "ranking", "models", "pages", "leakage")


def files_of(room):
    return sorted((ROOT / room).rglob("*.py"))


def trees(*rooms):
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for room in rooms for path in files_of(room)]


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            # `from features import schema` names the module features.schema.
            yield from (
                f"{node.module}.{alias.name}"
                for alias in node.names
                if (ROOT / node.module.replace(".", "/") / f"{alias.name}.py").is_file()
            )


def calls(tree):
    """Names of what is called, dotted as they stand: `datetime.now`, `eval`."""
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def allowed(name, permitted):
    bare_room = name in ROOMS and any(other.startswith(f"{name}.") for other in permitted)
    return bare_room or any(name == other or name.startswith(f"{other}.") for other in permitted)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_table_allows(room):
    against = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in trees(room)
        for name in imports(tree)
        if name.split(".")[0] in OURS and not allowed(name, MAY_IMPORT[room])
    ]

    assert len(files_of(room)) > 0
    assert against == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_the_table_allows_nothing_that_is_not_used(room):
    used = {name for _, tree in trees(room) for name in imports(tree)}
    whole_rooms = {"features", "retrieval", "filters", "evaluation", "models"}
    permitted = MAY_IMPORT[room] - (whole_rooms if room in {"jobs", "benchmarks"} else set())

    assert {other for other in permitted if not any(allowed(name, {other}) for name in used)} <= {room}


@pytest.mark.parametrize("room", ROOMS)
def test_the_architecture_names_every_file_of_a_room_and_none_besides(room):
    lines = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{room}/` |")]
    _, _, holds, *_ = row.split("|")

    named = re.findall(r"`(\w+)`", holds)

    assert sorted(named) == sorted({path.stem for path in files_of(room)} - {"__init__"})


@pytest.mark.parametrize("library", HEAVY)
def test_heavy_libraries_stay_in_their_rooms(library):
    users = {
        room for room in MAY_IMPORT for _, tree in trees(room) for name in imports(tree) if allowed(name, {library})
    }

    assert users - HEAVY[library] == set()


def test_nobody_imports_the_feature_repository_and_only_jobs_and_benchmarks_import_jobs():
    importers = {"feature_repo": set(), "jobs": set()}
    for room in MAY_IMPORT:
        for _, tree in trees(room):
            for name in imports(tree):
                if name.split(".")[0] in importers:
                    importers[name.split(".")[0]].add(room)

    assert importers == {"feature_repo": set(), "jobs": {"jobs", "benchmarks"}}


def test_lists_and_numbers_load_neither_feast_nor_tensorflow():
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files_of("retrieval")]
    modules += [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files_of("evaluation")]
    modules += [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files_of("filters")]
    modules += [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files_of("ranking")]
    modules += [f"features.{name}" for name in PLAIN]
    modules += [f"models.{name}" for name in ("config", "encoding", "vocabulary")]
    code = f"import sys, {', '.join(modules)}; print({{'feast', 'tensorflow'}} & set(sys.modules))"

    told = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)

    assert told.stdout == "set()\n"


def test_nothing_is_pickled_evaluated_or_handed_to_a_shell():
    against = []
    for path, tree in trees(*MAY_IMPORT):
        where = path.relative_to(ROOT)
        against += [f"{where} imports {name}" for name in imports(tree) if name.split(".")[0] in UNSAFE]
        for name, node in calls(tree):
            if name in {"eval", "exec", "os.system", "os.popen", "__import__"}:
                against.append(f"{where}:{node.lineno} calls {name}")
            against += [
                f"{where}:{node.lineno} passes {keyword.arg}=True"
                for keyword in node.keywords
                if keyword.arg in {"shell", "allow_pickle"} and ast.unparse(keyword.value) != "False"
            ]
            if name in {"np.load", "np.save"}:
                assert "allow_pickle" in {keyword.arg for keyword in node.keywords}, f"{where}:{node.lineno}"

    assert against == []


def test_below_jobs_nothing_asks_the_clock_or_a_global_source_of_chance():
    clock = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "pd.Timestamp.now")
    against = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {name}"
        for path, tree in trees(*BELOW_JOBS)
        for name, node in calls(tree)
        if name.endswith(clock)
        or (name.startswith("np.random.") and not name.startswith("np.random.default_rng"))
        or (name.endswith("default_rng") and not node.args)
    ]
    against += [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in trees(*BELOW_JOBS)
        for name in imports(tree)
        if name in {"random", "uuid", "secrets"}
    ]

    assert against == []


def test_only_jobs_print_and_end_the_process():
    against = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {name}"
        for path, tree in trees(*BELOW_JOBS)
        for name, node in calls(tree)
        if name in {"print", "sys.exit", "exit", "quit", "os._exit"}
    ]

    assert against == []


def test_no_job_shadows_a_module_that_others_import():
    # The folder of a script comes first on sys.path: a jobs/logging.py would be everybody's logging.
    names = {path.stem for path in files_of("jobs")} - {"__init__"}

    assert names & (set(sys.stdlib_module_names) | OURS) == set()
