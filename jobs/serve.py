"""Serve candidates over HTTP, with the latest release and the online store.

python jobs/serve.py
python jobs/serve.py --port 8080 --deadline 0.5
python jobs/serve.py --also 20180102-default-0da63ead --share 0.1
python jobs/serve.py --events data/events.db
FEAST_TWO_TOWER_API_KEY=... python jobs/serve.py --host 0.0.0.0
"""

import ipaddress
import logging
import math
import os
import signal
import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from features.errors import InputError
from jobs import console

API_KEY: Final = "FEAST_TWO_TOWER_API_KEY"
_SHORTEST_KEY: Final = 16
_SECONDS_TO_END: Final = 10


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@click.option("--host", default="127.0.0.1", show_default=True, help=f"Address; others than loopback need {API_KEY}.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="Port; 0 for a free one.")
@click.option(
    "--deadline",
    type=click.FloatRange(0.01, 60),
    default=1.0,
    show_default=True,
    help="Seconds within which a request is answered.",
)
@click.option(
    "--max-pending",
    type=click.IntRange(1, 100_000),
    default=256,
    show_default=True,
    help="Users that may wait for candidates; more are refused.",
)
@click.option(
    "--max-block",
    type=click.IntRange(1, 1_000),
    default=8,
    show_default=True,
    help="Users that are computed together, if as many wait.",
)
@click.option(
    "--stale-after",
    type=click.FloatRange(0, min_open=True),
    default=48.0,
    show_default=True,
    help="Hours after which features count as stale.",
)
@click.option("--also", help="A second release, which serves the share --share of the users.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    callback=lambda _context, _option, share: check_share(share),
    help="Of the users whom --also serves, by a hash of the user id.",
)
@console.path_option(
    "--events", text="Event log; with it the service accepts purchase events, and requests reflect them."
)
@console.job
def main(
    reporter: console.ConsoleReporter,
    repo: Path,
    releases: Path,
    version: str | None,
    host: str,
    port: int,
    deadline: float,
    max_pending: int,
    max_block: int,
    stale_after: float,
    also: str | None,
    share: float | None,
    events: Path | None,
) -> None:
    """Serve candidates over HTTP until SIGTERM or SIGINT.

    The latest release is served, and a newer one takes its place without an interruption when `LATEST` names it, as
    does a new generation of the online store. --release serves one release only. With --also, a second one serves a
    share of the users, always the same ones. With --events, the service writes: it accepts purchases, appends them to
    this log, and the next request reflects them, as does the next build of the feature tables. Requests are logged as
    JSON.
    """
    from models.release.find_release import find_release

    api_key = read_api_key(host)
    if (also is None) != (share is None):
        raise InputError("--also and --share belong together: pass a release and its share of the users, or neither.")
    for each in (version, *([also] if also else [])):
        find_release(releases, each)  # before Feast is imported, which takes seconds
    sock = bind(host, port)
    import uvicorn

    from serving.app import create_app
    from serving.event_intake import open_intake
    from serving.json_logs import JsonFormatter
    from serving.limits import Limits
    from serving.release_switch import ReleaseSwitch
    from serving.second_release import SecondRelease
    from serving.service import Service

    limits = Limits(
        deadline=deadline,
        pending_users=max_pending,
        block_users=max_block,
        stale_after=timedelta(hours=stale_after),
    )
    with open_intake(events) as intake:
        loading = threading.Lock()
        switch, second = ReleaseSwitch(repo, releases, _now, version=version, intake=intake, loading=loading), None
        if also is not None and share is not None:
            other = ReleaseSwitch(repo, releases, _now, version=also, intake=intake, loading=loading)
            second = SecondRelease(other, share)
        app = create_app(Service(switch, limits, _now, second, intake), api_key, lambda: uuid.uuid4().hex)
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())
        logging.getLogger("serving").setLevel(logging.DEBUG if reporter.verbose else logging.INFO)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        server = uvicorn.Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn ends gracefully, and then raises the signal once more
            signal.signal(number, server.handle_exit)
        sock.listen(config.backlog)  # who reads the address below may connect at once
        shared = f", {also} for {share:.1%} of the users" if share is not None else ""
        current = switch.current
        reporter.result(
            f"release {current.version}{shared}, features as of {current.features_as_of:%Y-%m-%d %H:%M} UTC\n"
            f"serving on http://{_address(host)}:{sock.getsockname()[1]} after {reporter.watch.seconds:.1f} s"
        )
        server.run(sockets=[sock])


def check_share(share: float | None) -> float | None:
    """Return a share; refuse NaN, which is in no range and out of none.

    Raises:
        click.BadParameter: it is NaN.
    """
    if share is not None and math.isnan(share):
        raise click.BadParameter("nan is no share of the users: pass a number between 0 and 1, such as 0.1.")
    return share


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket to an address; it does not listen yet.

    Raises:
        InputError: the name is unknown, or the address or the port cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        raise InputError(
            f"--host {host} --port {port} cannot be served ({error.strerror}): choose another port or address."
        ) from error
    return sock


def read_api_key(host: str) -> str | None:
    """Return the API key in the environment; None without one.

    Raises:
        InputError: other machines can reach the address, and there is no key, or a key is too short.
    """
    key = os.environ.get(API_KEY)
    if key is not None and (len(key) < _SHORTEST_KEY or not key.isascii() or not key.isprintable()):
        raise InputError(
            f"The environment variable {API_KEY} must hold at least {_SHORTEST_KEY} printable ASCII characters: set "
            "another key, for example from `openssl rand -hex 32`."
        )
    if key is None and not _is_loopback(host):
        raise InputError(
            f"Other machines can reach --host {host}: set the environment variable {API_KEY}, for example from "
            "`openssl rand -hex 32`, or serve on 127.0.0.1."
        )
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
