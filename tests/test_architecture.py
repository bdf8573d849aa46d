"""The import rules between packages, as a table, and what is forbidden everywhere."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each package, and what of this project it may import: whole packages or single modules. `features.*` without a further
# name is the base, listed in BASE.
BASE = {
    "features.build_record", "features.errors", "features.event_log", "features.files", "features.ids",
    "features.locks", "features.moments", "features.parquet_rows", "features.progress", "features.report_table",
    "features.schema", "features.scratch_database", "features.sql", "features.table_origin", "features.text",
    "features.time_split", "features.validation_errors",
}  # fmt: skip
MAY_IMPORT = {
    "feature_repo": {"data_sources", "entities", "feature_views", "on_demand_views"},  # its own files, flat
    "features": BASE,
    "features.raw": {"features.raw", *BASE},
    "features.tables": {"features.tables", "features.raw", *BASE},
    "features.asof_store": {"features.asof_store", *BASE},
    "features.store": {"features.store", "features.asof_store", *BASE},
    "features.training_data": {"features.training_data", "features.store", *BASE},
    "candidates": {"candidates", *BASE},
    "candidates.sources": {"candidates", *BASE},
    "candidates.filters": {"candidates", *BASE},
    "candidates.ranking": {"candidates", *BASE},
    "candidates.opensearch": {"candidates", *BASE},
    "evaluation": {"evaluation", "candidates", *BASE},
    "evaluation.ranker": {"evaluation", "candidates", *BASE},
    "evaluation.report": {"evaluation", *BASE},
    # Plain data of the feature services and data sets; what reads Feast is called by pipelines and jobs only.
    "models": {
        "models", "candidates.compiled", "candidates.list_columns", "candidates.text_codes",
        "features.store.service_schema", *BASE,
    },
    "models.training": {"models", "evaluation.validation_window", "features.store.service_schema", *BASE},
    "models.release": {
        "models", "candidates.ranking.ranker", "candidates.ranking.user_neighbours", "features.store.service_schema",
        *BASE,
    },
    "pipelines": {
        "pipelines", "models", "evaluation", "candidates", "features.tables", "features.store",
        "features.training_data", *BASE,
    },
    "pipelines.doctor": {
        "pipelines.doctor", "models.config", "models.release.integrity", "models.release.manifest",
        "candidates.candidate_file", "features.raw.raw_files", "features.store", "features.tables", *BASE,
    },
    "pipelines.leakage": {"pipelines.leakage", "models", "evaluation", "candidates", "features"},
    "serving": {
        "serving", "pipelines", "candidates", "features.store.registry", "features.store.request_services",
        "models.release.find_release", *BASE,
    },
    "jobs": {"jobs", "serving", "pipelines", "models", "evaluation", "candidates", "features"},
    "benchmarks": {"jobs.console", "pipelines", "models", "evaluation", "candidates", "features"},
    "benchmarks.fault_injection": {"features", "models.release.integrity", "models"},
    "benchmarks.hm_data": {
        "candidates.compiled", "candidates.item_lists", "evaluation.metrics", "features.progress",
        "features.report_table", "features.schema",
    },
}  # fmt: skip
PACKAGES = tuple(name for name in MAY_IMPORT if "." not in name and name != "benchmarks")

# The heavy libraries, and the packages that may import them.
HEAVY = {
    "feast": {
        "feature_repo", "features.asof_store", "features.store", "features.training_data", "pipelines",
        "pipelines.doctor", "pipelines.leakage", "jobs", "benchmarks", "benchmarks.fault_injection",
    },
    "tensorflow": {"models", "models.training", "models.release", "jobs", "benchmarks", "benchmarks.fault_injection"},
    "tf_keras": {"models", "models.training", "models.release", "benchmarks"},
    "tensorflow_recommenders": {"models", "benchmarks"},
    "lightgbm": {"candidates.ranking"},
    "opensearchpy": {"candidates.opensearch"},
    "fastapi": {"serving"},
    "starlette": {"serving"},
    "prometheus_client": {"serving"},
    "uvicorn": {"jobs"},
    "click": {"jobs", "benchmarks"},
    "rich": {"features", "jobs"},
    "matplotlib": {"evaluation.report", "benchmarks"},
    "jinja2": {"evaluation.report"},
}  # fmt: skip
FLAT = {"data_sources", "entities", "feature_views", "on_demand_views", "feature_services"}
OURS = {*PACKAGES, "benchmarks", "tests", *FLAT}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "mktemp",
    "tempfile.mktemp", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "pd.read_pickle",
}  # fmt: skip
WITHOUT_FEAST_AND_TENSORFLOW = ("features.raw", "features.tables", "candidates", "evaluation")
BELOW_JOBS = tuple(name for name in PACKAGES if name != "jobs")


def files_of(package):
    """The files of a package, without those of its sub-packages, which have lines of their own."""
    folder = ROOT / package.replace(".", "/")
    return sorted(folder.glob("*.py"))


def all_files_of(package):
    return sorted((ROOT / package.replace(".", "/")).rglob("*.py"))


def trees(*packages, deep=False):
    files = all_files_of if deep else files_of
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for package in packages for path in files(package)]


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
    bare_package = (ROOT / name.replace(".", "/")).is_dir() and any(o.startswith(f"{name}.") for o in permitted)
    return bare_package or any(name == other or name.startswith(f"{other}.") for other in permitted)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_the_table_allows(package):
    violations = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in trees(package)
        for name in imports(tree)
        if name.split(".")[0] in OURS and not allowed(name, MAY_IMPORT[package])
    ]

    assert len(files_of(package)) > 0
    assert violations == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_the_table_allows_nothing_that_is_not_used(package):
    used = {name for _, tree in trees(package) for name in imports(tree)}
    single_modules = MAY_IMPORT[package] - BASE - {name for name in MAY_IMPORT if "." not in name}

    assert {other for other in single_modules if not any(allowed(name, {other}) for name in used)} <= {package}


def test_every_package_has_a_line_in_the_table():
    folders = {".".join(path.parent.relative_to(ROOT).parts) for package in PACKAGES for path in all_files_of(package)}

    assert folders <= set(MAY_IMPORT)


@pytest.mark.parametrize("library", HEAVY)
def test_heavy_libraries_stay_in_their_packages(library):
    users = {
        package
        for package in MAY_IMPORT
        for _, tree in trees(package)
        for name in imports(tree)
        if name == library or name.startswith(f"{library}.")
    }

    assert users - HEAVY[library] == set()


def test_only_tests_and_benchmarks_import_jobs_and_nothing_imports_the_feature_repository():
    importers = {"feature_repo": set(), "jobs": set()}
    for package in MAY_IMPORT:
        for _, tree in trees(package):
            for name in imports(tree):
                if name.split(".")[0] in importers:
                    importers[name.split(".")[0]].add(package)

    assert importers == {"feature_repo": set(), "jobs": {"jobs", "benchmarks"}}


def test_candidates_and_evaluation_load_neither_feast_nor_tensorflow():
    files = [path for package in WITHOUT_FEAST_AND_TENSORFLOW for path in all_files_of(package)]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]
    modules += ["features.store.service_schema"]
    modules += ["models.serving_tower", "models.release.release"]  # what is served
    code = f"import sys, {', '.join(modules)}; print({{'feast', 'tensorflow'}} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_serving_loads_neither_tensorflow_nor_scikit_learn():
    # Importing them takes longer than everything else that happens before the first candidates, Feast's import aside.
    modules = "jobs.generate_candidates, pipelines.candidate_generation, pipelines.candidate_stages, serving.app"
    code = f"import sys, {modules}; print({{'tensorflow', 'tf_keras', 'sklearn', 'matplotlib'}} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def unsafe(tree):
    """The lines of a file that pickle, evaluate, call a shell, or create a file under a name that can be guessed."""
    against = [f"imports {name}" for name in imports(tree) if name.split(".")[0] in UNSAFE]
    against += [
        f"{node.lineno} imports {node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in UNSAFE_CALLS
    ]
    for name, node in calls(tree):
        if name in UNSAFE_CALLS or name.endswith((".to_pickle", ".read_pickle")) or name.split(".")[0] in UNSAFE:
            against.append(f"{node.lineno} calls {name}")
        against += [
            f"{node.lineno} passes {keyword.arg}=True"
            for keyword in node.keywords
            if keyword.arg in {"shell", "allow_pickle"} and ast.unparse(keyword.value) != "False"
        ]
        if name in {"np.load", "np.save"} and "allow_pickle" not in {keyword.arg for keyword in node.keywords}:
            against.append(f"{node.lineno} does not pass allow_pickle=False")
    return against


def test_nothing_is_pickled_evaluated_or_handed_to_a_shell():
    everything = trees(*PACKAGES, "benchmarks", "tests", "requirements", deep=True)
    against = {path.relative_to(ROOT): unsafe(tree) for path, tree in everything}

    assert {ROOT / "tests" / "conftest.py", ROOT / "tests" / "fixtures" / "jobs.py"} <= {path for path, _ in everything}

    assert {path: lines for path, lines in against.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from joblib import load", "eval(text)", "exec(text)", "os.system(text)",
        "subprocess.run(text, shell=True)", "yaml.load(text)", "tempfile.mktemp()", "mktemp()",
        "np.load(path, allow_pickle=True)", "from os import system", "from yaml import load",
        "pickle.loads(text)", "frame.to_pickle(path)",
    ],
)  # fmt: skip
def test_what_is_unsafe_is_found(line):
    assert unsafe(ast.parse(f"import numpy\n{line}")) != []


def padded(tree):
    """The lines of a file that make numpy texts, each of which takes 4 bytes for each character of the longest one."""
    against = [
        f"{node.lineno} uses {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"np.str_", "np.bytes_", "np.char"}
    ]
    for name, node in calls(tree):
        dtypes = [keyword.value for keyword in node.keywords if keyword.arg == "dtype"]
        if name.endswith(".astype") or name in {"np.array", "np.asarray", "np.full", "np.empty", "np.zeros"}:
            dtypes += node.args
        against += [
            f"{node.lineno} passes {ast.unparse(dtype)}"
            for dtype in dtypes
            if ast.unparse(dtype) == "str"
            or (isinstance(dtype, ast.Constant) and re.fullmatch("[<>=|]?[USa][0-9]*|str", str(dtype.value)))
        ]
    return against


def test_ids_are_stored_without_padding():
    against = {path.relative_to(ROOT): padded(tree) for path, tree in trees(*MAY_IMPORT)}

    assert {path: lines for path, lines in against.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "np.array(ids, np.str_)", "np.array(ids, str)", "np.array(ids, dtype='U10')", "codes.astype(str)",
        "np.char.zfill(codes, 3)", "np.empty(3, '<U256')", "codes.astype('S')",
    ],
)  # fmt: skip
def test_what_pads_ids_is_found(line):
    assert padded(ast.parse(line)) != []


def test_below_jobs_nothing_asks_the_clock_or_a_global_source_of_chance():
    clock = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "pd.Timestamp.now")
    against = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {name}"
        for path, tree in trees(*BELOW_JOBS, deep=True)
        for name, node in calls(tree)
        if name.endswith(clock)
        or (name.startswith("np.random.") and not name.startswith("np.random.default_rng"))
        or (name.endswith("default_rng") and not node.args)
    ]
    against += [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in trees(*BELOW_JOBS, deep=True)
        for name in imports(tree)
        if name in {"random", "uuid", "secrets"}
    ]

    assert against == []


def test_only_jobs_print_and_end_the_process():
    against = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {name}"
        for path, tree in trees(*BELOW_JOBS, deep=True)
        for name, node in calls(tree)
        if name in {"print", "sys.exit", "exit", "quit", "os._exit"}
    ]

    assert against == []


def test_no_job_shadows_a_module_that_others_import():
    # The folder of a script comes first on sys.path: a jobs/logging.py would be everybody's logging.
    names = {path.stem for path in files_of("jobs")} - {"__init__"}

    assert names & (set(sys.stdlib_module_names) | OURS) == set()


def compiled_functions(tree):
    """The functions of a file that numba compiles."""
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each) in {"compiled", "compiled_sums"} for each in node.decorator_list)
    }


def test_compiled_functions_call_compiled_functions_of_their_own_file_only():
    # Numba's cache does not notice a change of a callee in another file: it would go on with the old machine code.
    files = {path: tree for package in PACKAGES for path, tree in trees(package, deep=True)}
    everywhere = {name for tree in files.values() for name in compiled_functions(tree)}
    violations = [
        f"{path.relative_to(ROOT)}: {function} calls {called}"
        for path, tree in files.items()
        for function, node in compiled_functions(tree).items()
        for called, _ in calls(node)
        if called in everywhere - compiled_functions(tree).keys()
    ]

    assert violations == []


def test_files_with_the_served_project_run_on_one_worker():
    """Each worker that uses it fills its online store, which has one writer at a time."""
    from plugins.scheduling import GROUPS

    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    files = [name for name, text in texts.items() if re.search(r"[(,] *served_project\b", text)]

    assert len(files) > 5
    assert {name: GROUPS.get(name) for name in files} == dict.fromkeys(files, "towers")
