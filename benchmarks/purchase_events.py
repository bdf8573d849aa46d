"""From a purchase event to its effect, events per second, and candidates under a load of events.

    python benchmarks/purchase_events.py
    python benchmarks/purchase_events.py --users 50 --seconds 5

Starts `jobs/serve.py --events` with an empty log in a temporary folder. Then, for each of some users, one after the
other: the best candidate under the filter `already_bought = "drop"` is bought, and the candidates are requested again;
the item must be gone. Then clients send events as fast as they can, in requests of 1, 10 and 100, and candidates are
requested at a fixed rate without and with 50 events per second beside them. The peer is Feast's own push: the rows of
the same users, written by `FeatureStore.push` to an SQLite store in the same folder. Prints Markdown tables.
"""

import http.client
import os
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import click

from features.report_table import ReportTable
from jobs import console

_DROP = {"already_bought": "drop"}
_CANDIDATES_PER_SECOND = 20
_EVENTS_PER_SECOND = 50
_RETRY_SECONDS = 0.1


@click.command()
@console.repo_option
@console.releases_option
@click.option("--users", "number", type=click.IntRange(2), default=200, show_default=True, help="Users that buy.")
@click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Duration of each load.")
@console.seed_option
def main(repo: Path, releases: Path, number: int, seconds: float, seed: int) -> None:
    """Print the tables."""
    import numpy as np
    from load import Client, Load
    from service_process import served

    from features.store.catalogue import user_ids
    from features.store.generation import OpenGeneration
    from features.store.registry import open_feature_store

    store = open_feature_store(repo)
    moment = OpenGeneration.open(store).record.as_of
    users = [str(user) for user in np.random.default_rng(seed).permutation(user_ids(store, moment).to_pylist())]
    buyers, numbers = users[:number], count()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "events.db")
        with served(repo, releases, "--events", log) as (port, start, process):
            client = Client(port)
            print(effect_table([buy_best(client, user, moment, numbers) for user in buyers]))
            items = [each["item_id"] for each in client.send("POST", "/v1/candidates", {"user_id": "-"})[1]["items"]]
            rows = []
            for size in (1, 10, 100):
                before = sum(process.cpu_times()[:2])
                sent, took = send_events(port, users, items, moment, numbers, size=size, seconds=seconds, clients=8)
                cpu = (sum(process.cpu_times()[:2]) - before) * 1_000 / max(sent, 1)
                rows.append([str(size), f"{sent:,}", f"{sent / took:.0f}", f"{cpu:.2f}"])
            header = ["events per request", "events", "events/s, 8 clients", "CPU ms per event"]
            print(f"\n{ReportTable.of(header, rows, []).markdown()}")
            rows = []
            for name, rate in (("alone", 0), (f"beside {_EVENTS_PER_SECOND} events/s", _EVENTS_PER_SECOND)):
                load, ended = Load(port, users, 100), threading.Event()
                beside = threading.Thread(
                    target=send_at_rate, args=(port, users, items, moment, numbers, rate, seconds, ended)
                )
                beside.start()
                load.run(8, seconds, _CANDIDATES_PER_SECOND)
                ended.set()
                beside.join()
                failed = sum(answer.status != 200 for answer in load.answers)
                rows.append([name, str(failed), *percentiles([answer.seconds for answer in load.answers])])
            header = [f"{_CANDIDATES_PER_SECOND} requests/s for candidates", "not 200", "p50, ms", "p99, ms"]
            print(f"\n{ReportTable.of(header, rows, []).markdown()}")
        with served(repo, releases, "--events", log) as (_, again, _):
            pass
        peer = push_by_feast(store, moment, buyers, Path(folder))
    print(f"\nFeastStore.push of the rows of one user, which are given: p50, p99 {', '.join(percentiles(peer))} ms")
    print(
        f"start to ready {start:.1f} s with an empty log, {again:.1f} s with {next(numbers):,} events; {number} "
        f"buyers, seed {seed}, commit {console.commit()}; load of the machine after: {os.getloadavg()[0]:.1f}"
    )


def event(numbers: Any, user: str, item: str, moment: datetime) -> dict[str, Any]:
    """A purchase on the day after the features."""
    number = next(numbers)
    at = moment + timedelta(seconds=number % 80_000)
    return {
        "type": "purchase", "event_id": str(number), "user_id": user, "item_id": item, "price": 1.0,
        "purchased_at": at.isoformat(),
    }  # fmt: skip


def buy_best(client: Any, user: str, moment: datetime, numbers: Any) -> tuple[float, float, bool]:
    """Buy the best candidate; return the seconds until accepted and until listed anew, and whether it is gone."""
    query = {"user_id": user, "k": 100, "filters": _DROP}
    _, before = client.send("POST", "/v1/candidates", query)
    bought = before["items"][0]["item_id"]
    started = time.perf_counter()
    status, content = client.send("POST", "/v1/events", {"events": [event(numbers, user, bought, moment)]})
    accepted = time.perf_counter()
    if status != http.client.OK or not content["in_effect"]:
        raise click.ClickException(f"An event was not accepted: {content}")
    _, after = client.send("POST", "/v1/candidates", query)
    listed = time.perf_counter()
    return accepted - started, listed - started, bought not in {item["item_id"] for item in after["items"]}


def effect_table(effects: list[tuple[float, float, bool]]) -> str:
    """A table of the seconds that `buy_best` returns."""
    accepted, listed, gone = zip(*effects, strict=True)
    rows = [
        ["event accepted and in effect", *percentiles([*accepted])],
        ["candidates without the item received", *percentiles([*listed])],
    ]
    table = ReportTable.of(["from sending the event to", "p50, ms", "p99, ms"], rows, []).markdown()
    return f"{table}\n\n{sum(gone)} of {len(gone)} next requests reflect the purchase"


def send_events(
    port: int, users: list[str], items: list[str], moment: datetime, numbers: Any, *, size: int, seconds: float,
    clients: int,
) -> tuple[int, float]:  # fmt: skip
    """Send events as fast as clients can; return how many were accepted, and the seconds that it took."""
    from load import Client

    accepted, refused, started = [0] * clients, list[Any](), time.perf_counter()

    def send(number: int) -> None:
        client = Client(port)
        while time.perf_counter() < started + seconds:
            chosen = [next(numbers) for _ in range(size)]
            events = [
                event(iter([each]), users[each % len(users)], items[each % len(items)], moment) for each in chosen
            ]
            status, content = client.send("POST", "/v1/events", {"events": events})
            if status == http.client.OK:
                accepted[number] += size
            else:  # overloaded
                refused.append(content)
                time.sleep(_RETRY_SECONDS)

    threads = [threading.Thread(target=send, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        print(f"{len(refused)} requests of {size} events refused, such as {refused[0]}", file=sys.stderr)
    return sum(accepted), time.perf_counter() - started


def send_at_rate(
    port: int, users: list[str], items: list[str], moment: datetime, numbers: Any, rate: float, seconds: float,
    ended: threading.Event,
) -> None:  # fmt: skip
    """Send single events at a rate; none if it is 0."""
    from load import Client

    client, started = Client(port), time.perf_counter()
    for sent in range(int(rate * seconds)):
        if ended.wait(max(0.0, started + sent / rate - time.perf_counter())):
            return
        number = next(numbers)
        content = [event(iter([number]), users[number % len(users)], items[number % len(items)], moment)]
        client.send("POST", "/v1/events", {"events": content})


def push_by_feast(store: Any, moment: datetime, users: list[str], folder: Path) -> list[float]:
    """Push the present rows of users by Feast, and return the seconds for each user."""
    import pyarrow.compute as pc
    from feast import FeatureStore
    from feast.data_source import PushMode, PushSource

    from features.store.source_tables import read_source
    from features.store.sqlite_file import at_path

    views = [view for view in store.list_feature_views() if isinstance(view.stream_source, PushSource)]
    peer = FeatureStore(repo_path=str(store.repo_path))
    peer.config = at_path(peer.config, folder / "peer.db")
    peer.provider.online_store.update(peer.config, [], views, [], [], partial=True)
    rows = {}
    for view in views:
        table = read_source(store, view.name, [field.name for field in view.features], known_at=moment, latest=True)
        rows[view.stream_source.name] = table
    seconds = []
    for user in users:
        frames = {source: table.filter(pc.equal(table["user_id"], user)).to_pandas() for source, table in rows.items()}
        started = time.perf_counter()
        for source, frame in frames.items():
            if len(frame):
                peer.push(source, frame, to=PushMode.ONLINE)
        seconds.append(time.perf_counter() - started)
    return seconds


def percentiles(seconds: list[float]) -> list[str]:
    """Median and 99th percentile in milliseconds."""
    import numpy as np

    return [f"{1_000 * value:.1f}" for value in np.percentile(seconds, (50, 99))]


if __name__ == "__main__":
    main()
