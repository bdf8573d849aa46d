"""Point-in-time joins: this project's store, Feast's two, and hand-written DuckDB SQL as the floor, on the same files.

    python benchmarks/point_in_time.py --output results.json --plot docs/point_in_time.png
    python benchmarks/point_in_time.py --rows 10000 --peer raw --peer asof

    # H&M's own number of purchases, from file to file
    python benchmarks/point_in_time.py --rows 31788324 --to parquet --peer asof --memory-limit 6GB --limit-gb 12 \
        --limit-seconds 3600

The data of each size are written by `purchase_world.py`, four views beside the purchases. Each peer runs by
`join_peers.py` in a process of its own, in turns; medians are reported. A process that needs more than --limit-seconds
or --limit-gb is stopped, and its peer is not asked for more rows. `join_plot.py` draws the plot again from the results.

"same" means that all rows of an answer, by their hashes, are those of the floor.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from join_peers import PEERS
from limited_process import run_limited

from jobs.console import commit

HERE = Path(__file__).resolve().parent


@click.command()
@click.option(
    "--rows",
    "sizes",
    multiple=True,
    default=(10_000, 100_000, 672_157, 5_000_000),
    show_default=True,
    help="Entity rows; repeatable.",
)
@click.option("--peer", "peers", multiple=True, default=PEERS, show_default=True, type=click.Choice(PEERS))
@click.option("--to", "target", default="arrow", show_default=True, type=click.Choice(["arrow", "parquet"]))
@click.option("--repeats", default=3, show_default=True, help="Runs of each peer; the median counts.")
@click.option("--threads", default=2, show_default=True, help="DuckDB's threads, for raw and asof.")
@click.option("--memory-limit", default="8GB", show_default=True, help="DuckDB's memory, for raw and asof.")
@click.option("--limit-seconds", default=600, show_default=True, help="A process that takes longer is stopped.")
@click.option("--limit-gb", default=20.0, show_default=True, help="A process that needs more memory is stopped.")
@click.option("--seed", default=0, show_default=True, help="Seed of the purchases.")
@click.option("--output", default=None, type=click.Path(path_type=Path), help="JSON file for the results.")
@click.option("--plot", default=None, type=click.Path(path_type=Path), help="PNG file for seconds against rows.")
def main(
    *,
    sizes: tuple[int, ...],
    peers: tuple[str, ...],
    target: str,
    repeats: int,
    threads: int,
    memory_limit: str,
    limit_seconds: int,
    limit_gb: float,
    seed: int,
    output: Path | None,
    plot: Path | None,
) -> None:
    """Print seconds, peak memory and lost rows of each peer, and its ratio to raw DuckDB SQL."""
    options = ["--to", target, "--threads", str(threads), "--memory-limit", memory_limit]
    report: dict[str, Any] = {
        "target": target,
        "repeats": repeats,
        "threads": threads,
        "memory_limit": memory_limit,
        "limit_seconds": limit_seconds,
        "limit_gb": limit_gb,
        "seed": seed,
        "cores": os.cpu_count(),
        "commit": commit(),
        "versions": {name: version(name) for name in ("duckdb", "feast", "pyarrow", "pandas", "dask")},
        "results": [],
    }
    click.echo(f"{'rows':>10}  {'peer':<13} {'seconds':>8} {'to floor':>8} {'peak GB':>8} {'lost rows':>9}  answer")
    for rows in sorted(sizes):
        with tempfile.TemporaryDirectory(prefix="point_in_time_") as world:
            generator = str(HERE / "purchase_world.py")
            subprocess.run([sys.executable, generator, world, "--rows", str(rows), "--seed", str(seed)], check=True)
            runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
            for _ in range(repeats):  # peers take turns, so that other load on the machine meets all of them
                for peer, before in runs.items():
                    if not gave_up(before) and not gave_up(of_peer(report["results"], peer)):
                        before.append(run_peer(peer, Path(world), options, limit_seconds, limit_gb))
        found = {peer: summary(runs[peer], of_peer(report["results"], peer)) for peer in peers}
        for peer in peers:
            result = {"rows": rows, "peer": peer, **compared(found[peer], found.get("raw", {}), rows)}
            report["results"].append(result)
            click.echo(line(result))
        if output:
            output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for sentence in conclusions(report):
        click.echo(sentence)
    if plot:
        from join_plot import draw

        draw(report, plot)


def run_peer(peer: str, world: Path, options: list[str], limit_seconds: int, limit_gb: float) -> dict[str, Any]:
    """Join once, in a process and a folder of its own."""
    command = [sys.executable, str(HERE / "join_peers.py"), peer, str(world), *options]
    with tempfile.TemporaryDirectory(dir=world) as folder:
        outcome = run_limited(command, Path(folder), limit_seconds, limit_gb)
    if outcome.stopped:
        return {"stopped": outcome.stopped, "after_seconds": outcome.seconds, "peak_gb": outcome.peak_gb}
    answer: dict[str, Any] = json.loads(outcome.said.strip().splitlines()[-1])
    return answer


def of_peer(results: list[dict[str, Any]], peer: str) -> list[dict[str, Any]]:
    """A peer's results."""
    return [result for result in results if result["peer"] == peer]


def gave_up(runs: list[dict[str, Any]]) -> bool:
    """Whether one of these did not end well."""
    return any("stopped" in run for run in runs)


def summary(runs: list[dict[str, Any]], smaller: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of a peer's runs, or why there is none."""
    if not runs:
        stopped = next(result for result in smaller if "stopped" in result)
        reason = stopped.get("not_run") or f"{stopped['stopped']} at {stopped['rows']:,} rows"
        return {"stopped": f"not run: {reason}", "not_run": reason}
    if gave_up(runs):
        return next(run for run in runs if "stopped" in run)
    middle = statistics.median(run["seconds"] for run in runs)
    every = [round(run["seconds"], 3) for run in runs]
    digests = {run["digest"] for run in runs}
    digest = digests.pop() if len(digests) == 1 else "differs from run to run"
    agreed = {"digest": digest, "rows_out": min(run["rows_out"] for run in runs)}
    return {**runs[0], **agreed, "seconds": middle, "runs": every, "peak_gb": max(run["peak_gb"] for run in runs)}


def compared(result: dict[str, Any], floor: dict[str, Any], rows: int) -> dict[str, Any]:
    """A result with what it lost, and how it compares with the floor."""
    if "seconds" not in result:
        return result
    more: dict[str, Any] = {"lost": rows - result["rows_out"]}
    if "seconds" in floor:
        more |= {"ratio": result["seconds"] / floor["seconds"], "same": result["digest"] == floor["digest"]}
    return {**result, **more}


def line(result: dict[str, Any]) -> str:
    """One line of the table."""
    start = f"{result['rows']:>10,}  {result['peer']:<13}"
    if "stopped" in result:
        peak = f"{result['peak_gb']:8.2f}" if "peak_gb" in result else f"{'-':>8}"
        return f"{start} {'-':>8} {'-':>8} {peak} {'-':>9}  {result['stopped']}"
    ratio = f"{result['ratio']:8.2f}" if "ratio" in result else f"{'-':>8}"
    same = "rows lost" if result["lost"] else {True: "same", False: "DIFFERENT", None: "-"}[result.get("same")]
    return f"{start} {result['seconds']:8.2f} {ratio} {result['peak_gb']:8.2f} {result['lost']:>9,}  {same}"


def conclusions(report: dict[str, Any]) -> list[str]:
    """How seconds grow with rows, how much faster asof is than Feast's DuckDB store, and where all of this is from."""
    seconds = {(each["peer"], each["rows"]): each["seconds"] for each in report["results"] if "seconds" in each}
    sizes = sorted({rows for _, rows in seconds})
    sentences = []
    if len(sizes) > 1:
        *_, few, many = sizes
        growth = [
            f"{peer} {seconds[peer, many] / seconds[peer, few] / (many / few):.2f}"
            for peer in PEERS
            if (peer, few) in seconds and (peer, many) in seconds
        ]
        sentences.append(f"growth from {few:,} to {many:,} rows, as a ratio to linear: {', '.join(growth)}")
    faster = [
        f"{seconds['feast-duckdb', rows] / seconds['asof', rows]:.1f} at {rows:,} rows"
        for rows in sizes
        if ("feast-duckdb", rows) in seconds and ("asof", rows) in seconds
    ]
    if faster:
        sentences.append(f"feast-duckdb's seconds as a ratio to asof's: {', '.join(faster)}")
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    sentences.append(
        f"purchase_world.py, seed {report['seed']}, medians of {report['repeats']}, to {report['target']}, "
        f"{report['threads']} threads of {report['cores']} cores, memory limit {report['memory_limit']}; "
        f"commit {report['commit']}, {versions}"
    )
    return sentences


if __name__ == "__main__":
    main()
