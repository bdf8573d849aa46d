"""Latency, throughput, memory and release switches of the online service.

    python benchmarks/serving.py
    python benchmarks/serving.py --seconds 5 --switches 3

Starts `jobs/serve.py` on a free port, and sends requests for users with a profile from this process, on the same
machine: in a closed loop with 1 to 64 clients, and at given rates (open loop). Then it switches between the release and
a copy of it without a ranker, under load, and compares each response with what its release returned before. The copy is
written to a temporary folder. Prints Markdown tables.
"""

import os
import shutil
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from features.report_table import ReportTable
from jobs import console

COLUMNS = ["load", "requests", "not 200", "requests/s", "p50, ms", "p95, ms", "p99, ms", "CPU ms per request"]
CLIENTS_OF_AN_OPEN_LOOP = 64


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@click.option("--seconds", type=click.FloatRange(0.1), default=15.0, show_default=True, help="Duration of each load.")
@click.option("--clients", default="1,4,16,64", show_default=True, help="Numbers of clients of the closed loops.")
@click.option("--rates", default="50,100,150", show_default=True, help="Requests per second of the open loops.")
@click.option("--switches", type=click.IntRange(0), default=60, show_default=True, help="Release switches under load.")
@click.option("--k", type=click.IntRange(1), default=100, show_default=True, help="Candidates of each request.")
@click.option("--max-block", type=click.IntRange(1), default=8, show_default=True, help="Passed to the service.")
@console.seed_option
def main(
    repo: Path,
    releases: Path,
    version: str | None,
    seconds: float,
    clients: str,
    rates: str,
    switches: int,
    k: int,
    max_block: int,
    seed: int,
) -> None:
    """Print the tables."""
    from load import Client, Load
    from processes import peak_gb
    from service_process import served

    from features.store.registry import open_feature_store
    from models.release.find_release import find_release

    first = find_release(releases, version).name
    users = _users(open_feature_store(repo), seed)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder)
        shutil.copytree(releases / first, copies / first)
        second = _write_second(copies, first)
        (copies / "LATEST").write_text(first, encoding="utf-8")
        with served(repo, copies, "--max-block", max_block) as (port, start, process):
            Load(port, users, k).run(4, min(seconds, 3))  # the first requests connect, and fill caches
            rows, stages = [], {}
            for number in map(int, clients.split(",")):
                load = Load(port, users, k)
                rows.append(_row(f"closed loop, {number} clients", process, load, number, seconds))
                stages[number] = _stage_row(number, load)
            for rate in map(float, rates.split(",")):
                load = Load(port, users, k)
                rows.append(_row(f"open loop, {rate:g}/s", process, load, CLIENTS_OF_AN_OPEN_LOOP, seconds, rate))
            memory = process.memory_info().rss / 1e9
            print(ReportTable.of(COLUMNS, rows, []).markdown())
            names = ["clients", *next(iter(stages.values()))[1]]
            stage_rows = [[str(number), *cells.values()] for number, cells in stages.values()]
            print(f"\np50 / p95 / p99 of each stage, ms\n\n{ReportTable.of(names, stage_rows, []).markdown()}")
            if switches:
                print(f"\n{_switch(Client(port), Load(port, users[:20], k), (first, second), switches)}")
            peak = peak_gb(process.pid)
    print(
        f"\nstart to ready {start:.1f} s; memory {memory:.2f} GB after the loads, peak {peak:.2f} GB with switches; "
        f"{len(users)} users, k = {k}, blocks of at most {max_block}, release {first}, seed {seed}, commit "
        f"{console.commit()}; load of the machine after: {os.getloadavg()[0]:.1f}"
    )


def _users(store: Any, seed: int) -> list[str]:
    import numpy as np

    from features.store.catalogue import user_ids
    from features.store.generation import OpenGeneration

    ids = user_ids(store, OpenGeneration.open(store).record.as_of).to_pylist()
    return [str(user) for user in np.random.default_rng(seed).permutation(ids)]


def _write_second(releases: Path, first: str) -> str:
    """Write the release once more, without its rankers, and return its version."""
    from features.time_split import TimeSplit
    from models.release.earlier_release import EarlierRelease
    from models.release.manifest import trained_fields
    from models.release.release_contents import ReleaseContents
    from models.release.writer import write_release

    earlier = EarlierRelease.read(releases, first)
    release, manifest = earlier.release, earlier.release.manifest
    start = manifest["training_start"] and datetime.fromisoformat(manifest["training_start"])
    contents = ReleaseContents(
        served=release.served,
        validated=earlier.validated,
        item_ids=release.item_ids,
        item_vectors=release.item_vectors,
        arrays=release.arrays,
        blender=release.blender,
        rankers={},
        neighbours=release.neighbours,
        split=TimeSplit(start, release.cut, release.as_of),
        metrics={},
        manifest_fields=trained_fields(manifest),
    )
    return write_release(releases, contents, datetime.fromisoformat(manifest["created"]))


def _row(name: str, process: Any, load: Any, clients: int, seconds: float, rate: float | None = None) -> list[str]:
    """Run a load, and return its row. CPU time is that of the service: other programs change it less than latency."""
    before = sum(process.cpu_times()[:2])
    took = load.run(clients, seconds, rate)
    cpu = (sum(process.cpu_times()[:2]) - before) * 1_000 / len(load.answers)
    failed = sum(answer.status != 200 for answer in load.answers)
    milliseconds = [answer.seconds * 1_000 for answer in load.answers]
    number = len(load.answers)
    return [name, f"{number:,}", str(failed), f"{number / took:.0f}", *_percentiles(milliseconds), f"{cpu:.1f}"]


def _stage_row(clients: int, load: Any) -> tuple[int, dict[str, str]]:
    """Percentiles of each stage, by its name."""
    took = [answer.content["took_ms"] for answer in load.answers if answer.status == 200]
    return clients, {stage: " / ".join(_percentiles([each[stage] for each in took])) for stage in took[0]}


def _percentiles(values: list[float]) -> list[str]:
    import numpy as np

    return [f"{value:.1f}" for value in np.percentile(values, (50, 95, 99))]


def _switch(client: Any, load: Any, versions: tuple[str, str], switches: int) -> str:
    """Switch between two releases under load, and return a sentence on what failed or was mixed."""
    expected = {}
    for version in reversed(versions):
        client.send("POST", "/v1/release", {"version": version})
        for user in load.users:
            _, content = client.send("POST", "/v1/candidates", {"user_id": user, "k": load.k})
            expected[content["release"], user] = content["items"]
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            load.run(4, 1)

    runs = threading.Thread(target=send)
    runs.start()
    seconds, refused = [], 0
    for number in range(switches):
        started = time.perf_counter()
        status, _ = client.send("POST", "/v1/release", {"version": versions[(number + 1) % 2]})
        seconds.append(time.perf_counter() - started)
        refused += status != 200
    ended.set()
    runs.join()
    failed = sum(answer.status != 200 for answer in load.answers)
    mixed = sum(
        answer.content["items"] != expected[answer.content["release"], answer.user]
        for answer in load.answers
        if answer.status == 200
    )
    different = sum(expected[versions[0], user] != expected[versions[1], user] for user in load.users)
    p50, p95, p99 = _percentiles([answer.seconds * 1_000 for answer in load.answers])
    return (
        f"{switches} switches under load of 4 clients, {refused} refused, each {sum(seconds) / len(seconds):.1f} s: "
        f"{len(load.answers):,} requests, {failed} failed, {mixed} mixed ({different} of {len(load.users)} users have "
        f"other candidates in the other release); p50 {p50}, p95 {p95}, p99 {p99} ms"
    )


if __name__ == "__main__":
    main()
