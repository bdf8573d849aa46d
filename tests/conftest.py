"""What the tests of all rooms share: how a command is run, and a toy project on disk, built once for all workers."""

import csv
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
pytest_plugins = [
    "fixtures.http",
    "fixtures.jobs",
    "fixtures.opensearch",
    "fixtures.ranker",
    "fixtures.raw_database",
    "fixtures.redis",
    "fixtures.serving",
    "fixtures.towers",
    "plugins.markers",
    "plugins.scheduling",
]
SECONDS_FOR_ONE_BUILD = 300
BORN = "1980-02-29"

# The first call of a compiled function takes a second; a test that takes long elsewhere shows in the durations.
hypothesis.settings.register_profile("compiled", deadline=None)
hypothesis.settings.load_profile("compiled")

# Nothing of the caller's shell may lead a test to another store.
for _name in [name for name in os.environ if name.startswith("FEAST_") or name == "FEATURE_TABLES"]:
    del os.environ[_name]


# A worker for each core, and a thread for each worker: more would wait for each other, some of them by spinning.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(_name, "1")


@dataclass(frozen=True)
class Project:
    """The folders of a project somewhere else than in the checkout."""

    root: Path

    @property
    def raw(self):
        return self.root / "data" / "raw"

    @property
    def tables(self):
        return self.root / "data" / "features"

    @property
    def repo(self):
        return self.root / "feature_repo"

    @property
    def releases(self):
        return self.root / "artifacts"

    def copy_repo(self):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "feature_repo", self.repo, ignore=ignore)

    def copy_to(self, root):
        """Copy declarations, registry, online store and catalogue snapshot; the feature tables stay where they are.

        The registry holds the tables' absolute paths, so that the copy is applied from the start.
        """
        copy = Project(root)
        shutil.copytree(self.repo, copy.repo)
        (root / "data").mkdir()
        for file in (self.root / "data").iterdir():
            if file.suffix == ".db" or file.name.startswith("catalogue"):
                shutil.copy(file, root / "data" / file.name)
        return copy


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def project_at():
    return Project


@pytest.fixture(scope="session")
def run():
    """Run a command of the project from a folder that is not the project's, and return what it said."""

    def run(*command, cwd="/", **variables):
        # Feast is imported in half the time without asserts, because it then leaves typeguard's rewriting out.
        return subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, "PYTHONOPTIMIZE": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def run_job(run):
    """Run a job as `python jobs/<name>.py`."""
    return lambda name, *words, **options: run(sys.executable, ROOT / "jobs" / f"{name}.py", *words, **options)


@pytest.fixture(scope="session")
def apply(run):
    """Run `feast apply`; never in this process, where it would change the working directory and cache its modules."""

    def apply(project):
        done = run(Path(sys.executable).parent / "feast", "-c", project.repo, "apply")
        assert done.returncode == 0, done.stderr
        return done

    return apply


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Have one worker fill a folder of this name, and the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name, fill):
        folder, claim = shared / name, shared / f"{name}.claimed"
        done, failed = claim / "done", claim / "failed"
        try:
            claim.mkdir()
        except FileExistsError:
            give_up = time.monotonic() + SECONDS_FOR_ONE_BUILD
            while not done.exists():
                if failed.exists() or time.monotonic() > give_up:
                    pytest.fail(f"another worker did not build {name}")
                time.sleep(0.1)
            return folder
        try:
            folder.mkdir()
            fill(folder)
        except BaseException:
            failed.touch()
            raise
        done.touch()
        return folder

    return once


@pytest.fixture(scope="session")
def applied_project(once, apply):
    """Build a project around raw tables: declarations, feature tables, registry."""

    def applied_project(name, write_raw):
        from features.tables.build import build_feature_tables

        def fill(folder):
            project = Project(folder)
            project.copy_repo()
            write_raw(project.raw)
            build_feature_tables(
                project.raw, project.tables, quarantine=None, memory_limit="1GB", progress=lambda *_: lambda _: None
            )
            apply(project)

        return Project(once(name, fill))

    return applied_project


@pytest.fixture(scope="session")
def toy(applied_project):
    """The checkerboard world, applied; every seventh user has a birth date. Its online store stays empty."""

    def write_raw(folder):
        from features.raw.toy_data import write_toy_data

        write_toy_data(folder, seed=7)
        _add_birth_dates(folder / "customers.csv")

    return applied_project("toy", write_raw)


@pytest.fixture(scope="session")
def toy_store(toy):
    from features.store.registry import open_feature_store

    return open_feature_store(toy.repo)


@pytest.fixture(scope="session")
def serve_items_online():
    """Declare the item views of a store online: requests do not read them there, but Feast's users may."""

    def serve_items_online(store):
        views = [store.get_feature_view(f"item_{name}") for name in ("availability", "catalog", "sales_daily")]
        for view in views:
            view.online = True
        store.apply(views)
        return store

    return serve_items_online


@pytest.fixture(scope="session")
def toy_purchases(toy):
    """The toy world's purchases as (user_id, item_id, moment as text, price as text), in the order of time."""
    with (toy.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
        return [(row["customer_id"], row["article_id"], row["t_dat"], row["price"]) for row in csv.DictReader(text)]


def _add_birth_dates(path):
    with path.open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    place = header.index("birth_date")
    for row in rows[6::7]:
        row[place] = BORN
    with path.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
