"""Point-in-time joins by the as-of store, Feast's two stores and hand-written DuckDB SQL (baseline) on the same files.

    python benchmarks/point_in_time.py --output results.json --plot docs/point_in_time.png
    python benchmarks/point_in_time.py --rows 10000 --peer raw --peer asof

    # the number of purchases of the H&M data, from file to file
    python benchmarks/point_in_time.py --rows 31788324 --to parquet --peer asof --memory-limit 6GB --limit-gb 12 \
        --limit-seconds 3600

`synthetic_purchases.py` writes the files of each size: purchases and four views. `join_peers.py` runs each peer in a
separate process, alternating; medians are reported. A process that exceeds --limit-seconds or --limit-gb is stopped,
and larger sizes are skipped for its peer. `join_plot.py` repeats the plot from the results.

"same" means that the rows of a result are those of the baseline, compared by hashes.
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
from processes import run_limited

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
@click.option("--repeats", default=3, show_default=True, help="Runs per peer; the median is reported.")
@click.option("--threads", default=2, show_default=True, help="DuckDB's threads, for raw and asof.")
@click.option("--memory-limit", default="8GB", show_default=True, help="DuckDB's memory, for raw and asof.")
@click.option("--limit-seconds", default=600, show_default=True, help="Time limit per process.")
@click.option("--limit-gb", default=20.0, show_default=True, help="Memory limit per process, 10^9 bytes.")
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
    click.echo(f"{'rows':>10}  {'peer':<13} {'seconds':>8} {'ratio':>8} {'peak GB':>8} {'lost rows':>9}  result")
    for rows in sorted(sizes):
        with tempfile.TemporaryDirectory(prefix="point_in_time_") as folder:
            generator = str(HERE / "synthetic_purchases.py")
            subprocess.run([sys.executable, generator, folder, "--rows", str(rows), "--seed", str(seed)], check=True)
            runs: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
            for _ in range(repeats):  # peers alternate, so that other load on the machine affects all of them
                for peer, before in runs.items():
                    if not has_stopped(before) and not has_stopped(of_peer(report["results"], peer)):
                        before.append(run_peer(peer, Path(folder), options, limit_seconds, limit_gb))
        summaries = {peer: summary(runs[peer], of_peer(report["results"], peer)) for peer in peers}
        for peer in peers:
            result = {"rows": rows, "peer": peer, **compare(summaries[peer], summaries.get("raw", {}), rows)}
            report["results"].append(result)
            click.echo(line(result))
        if output:
            output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for sentence in conclusions(report):
        click.echo(sentence)
    if plot:
        from join_plot import draw

        draw(report, plot)


def run_peer(peer: str, data: Path, options: list[str], limit_seconds: int, limit_gb: float) -> dict[str, Any]:
    """Join once, in a separate process and folder."""
    command = [sys.executable, str(HERE / "join_peers.py"), peer, str(data), *options]
    with tempfile.TemporaryDirectory(dir=data) as folder:
        outcome = run_limited(command, Path(folder), limit_seconds, limit_gb)
    if outcome.stopped:
        return {"stopped": outcome.stopped, "after_seconds": outcome.seconds, "peak_gb": outcome.peak_gb}
    result: dict[str, Any] = json.loads(outcome.stdout.strip().splitlines()[-1])
    return result


def of_peer(results: list[dict[str, Any]], peer: str) -> list[dict[str, Any]]:
    """Return a peer's results."""
    return [result for result in results if result["peer"] == peer]


def has_stopped(runs: list[dict[str, Any]]) -> bool:
    """Return whether one of the runs was stopped or failed."""
    return any("stopped" in run for run in runs)


def summary(runs: list[dict[str, Any]], smaller: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of a peer's runs, or why there is none."""
    if not runs:
        stopped = next(result for result in smaller if "stopped" in result)
        reason = stopped.get("not_run") or f"{stopped['stopped']} at {stopped['rows']:,} rows"
        return {"stopped": f"not run: {reason}", "not_run": reason}
    if has_stopped(runs):
        return next(run for run in runs if "stopped" in run)
    median = statistics.median(run["seconds"] for run in runs)
    seconds = [round(run["seconds"], 3) for run in runs]
    digests = {run["digest"] for run in runs}
    digest = digests.pop() if len(digests) == 1 else "differs between runs"
    rows = {"digest": digest, "rows_out": min(run["rows_out"] for run in runs)}
    return {**runs[0], **rows, "seconds": median, "runs": seconds, "peak_gb": max(run["peak_gb"] for run in runs)}


def compare(result: dict[str, Any], baseline: dict[str, Any], rows: int) -> dict[str, Any]:
    """Add the number of lost rows, the ratio of seconds to the baseline and whether the rows are the same."""
    if "seconds" not in result:
        return result
    more: dict[str, Any] = {"lost": rows - result["rows_out"]}
    if "seconds" in baseline:
        more |= {"ratio": result["seconds"] / baseline["seconds"], "same": result["digest"] == baseline["digest"]}
    return {**result, **more}


def line(result: dict[str, Any]) -> str:
    """Format one line of the table."""
    start = f"{result['rows']:>10,}  {result['peer']:<13}"
    if "stopped" in result:
        peak = f"{result['peak_gb']:8.2f}" if "peak_gb" in result else f"{'-':>8}"
        return f"{start} {'-':>8} {'-':>8} {peak} {'-':>9}  {result['stopped']}"
    ratio = f"{result['ratio']:8.2f}" if "ratio" in result else f"{'-':>8}"
    same = "rows lost" if result["lost"] else {True: "same", False: "DIFFERENT", None: "-"}[result.get("same")]
    return f"{start} {result['seconds']:8.2f} {ratio} {result['peak_gb']:8.2f} {result['lost']:>9,}  {same}"


def conclusions(report: dict[str, Any]) -> list[str]:
    """Describe the growth of seconds with rows, the speed-up over Feast's DuckDB store, and how it was measured."""
    seconds = {(each["peer"], each["rows"]): each["seconds"] for each in report["results"] if "seconds" in each}
    sizes = sorted({rows for _, rows in seconds})
    sentences = []
    if len(sizes) > 1:
        *_, smaller, larger = sizes
        growth = [
            f"{peer} {seconds[peer, larger] / seconds[peer, smaller] / (larger / smaller):.2f}"
            for peer in PEERS
            if (peer, smaller) in seconds and (peer, larger) in seconds
        ]
        sentences.append(f"growth from {smaller:,} to {larger:,} rows, as a ratio to linear: {', '.join(growth)}")
    speed_ups = [
        f"{seconds['feast-duckdb', rows] / seconds['asof', rows]:.1f} at {rows:,} rows"
        for rows in sizes
        if ("feast-duckdb", rows) in seconds and ("asof", rows) in seconds
    ]
    if speed_ups:
        sentences.append(f"feast-duckdb's seconds as a ratio to asof's: {', '.join(speed_ups)}")
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    sentences.append(
        f"synthetic_purchases.py, seed {report['seed']}, medians of {report['repeats']}, to {report['target']}, "
        f"{report['threads']} threads of {report['cores']} cores, memory limit {report['memory_limit']}; "
        f"commit {report['commit']}, {versions}"
    )
    return sentences


if __name__ == "__main__":
    main()
