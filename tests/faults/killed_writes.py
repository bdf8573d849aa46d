"""Runs an action in processes that are killed, one before each of the writes that the action makes.

    python tests/faults/killed_writes.py materialize <project> <every n-th write>

Modules are imported once; each run is a fork. Which writes are seen is in `benchmarks/fault_injection/write_hook.py`.
After each kill a reader reports what it sees, then the next run takes over.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
from fault_injection.write_hook import WriteHook, limit_file_size

from features.build_record import read_build
from features.store.catalogue_snapshot import CatalogueSnapshot
from features.store.materialization import materialize
from features.store.reader import FeatureReader
from features.store.registry import open_feature_store
from features.tables.build import build_feature_tables

EARLY, LATE = datetime(2020, 1, 20, tzinfo=UTC), datetime(2020, 2, 20, tzinfo=UTC)
USERS = [f"{number:04d}" for number in range(1, 200)]


class Materialize:
    """From the store of one moment to that of another."""

    def __init__(self, project):
        self.repo = project / "feature_repo"
        self.data = project / "data"

    def prepare(self):
        materialize(open_feature_store(self.repo), EARLY, from_scratch=True)

    def act(self):
        materialize(open_feature_store(self.repo), LATE, from_scratch=False)

    def read(self):
        store = open_feature_store(self.repo)
        reader = FeatureReader(store, "online")
        record = reader.generation.record
        users = reader.read("candidate_request_v2", USERS, LATE)
        items = CatalogueSnapshot.open(store, record).features["candidate_items_v1"]
        return [record.as_of.isoformat(), hash_of(users.to_pydict()), hash_of(items.to_pydict())]


class Build:
    """From the feature tables of some purchases to those of all."""

    def __init__(self, project):
        self.raw, self.fewer, self.data = project / "raw", project / "fewer", project / "data"
        self.tables = self.data / "features"

    def build(self, raw):
        progress = lambda *_: lambda _: None  # noqa: E731
        build_feature_tables(raw, self.tables, quarantine=None, memory_limit="1GB", progress=progress)

    def prepare(self):
        self.build(self.fewer)

    def act(self):
        self.build(self.raw)

    def read(self):
        rows = {path.name: pq.read_metadata(path).num_rows for path in sorted(self.tables.glob("*.parquet"))}
        return [read_build(self.tables).feature_rows, rows]


def hash_of(content):
    return hashlib.sha256(repr(content).encode()).hexdigest()


def in_child(work):
    """Run in a fork, and return its exit status and what it reported."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            os.write(write, json.dumps(work()).encode())
        except BaseException as error:  # noqa: BLE001
            os.write(write, json.dumps(f"{type(error).__name__}: {error}").encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as report:
        text = report.read()
    _, status = os.waitpid(child, 0)
    return status, json.loads(text) if text else None


def watch(act, root, kill_before):
    """Run `act` with a count of its writes below a folder, and end the process before one of them."""
    hook = WriteHook(root, "kill", kill_before)
    hook.install()
    act()
    return len(hook.seen)


def limit(act, size):
    """Run `act` where no file can grow beyond a size, as on a full disk."""
    limit_file_size(size)
    act()


def main():
    action = {"materialize": Materialize, "build": Build}[sys.argv[1]](Path(sys.argv[2]))
    step = int(sys.argv[3])
    saved = action.data.with_name("saved")
    in_child(action.prepare)
    shutil.copytree(action.data, saved, symlinks=True)
    _, before = in_child(action.read)
    _, writes = in_child(lambda: watch(action.act, action.data, None))
    _, after = in_child(action.read)
    seen = []
    for number in range(0, writes, step):
        shutil.rmtree(action.data)
        shutil.copytree(saved, action.data)
        status, _ = in_child(lambda number=number: watch(action.act, action.data, number))
        seen.append({"killed": status == signal.SIGKILL, "state": in_child(action.read)[1]})
        in_child(action.act)
        seen[-1]["next"] = in_child(action.read)[1]
        seen[-1]["left"] = sorted(path.name for path in action.data.iterdir() if path.name.startswith("."))
    full = []
    for kilobytes in (0, 1, 8, 64, 256):
        shutil.rmtree(action.data)
        shutil.copytree(saved, action.data)
        _, error = in_child(lambda kilobytes=kilobytes: limit(action.act, 1024 * kilobytes))
        full.append({"error": error, "state": in_child(action.read)[1]})
    result = {"before": before, "after": after, "writes": writes, "seen": seen, "full": full}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
