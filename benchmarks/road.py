"""The whole pipeline on the demo data, step by step: seconds, CPU seconds, peak memory, and metrics of both presets.

    .venv/bin/python benchmarks/road.py

Works on a copy of feature_repo in a temporary folder, so that data/ and artifacts/ stay unchanged. Prints one Markdown
table of the steps and one of metrics in the validation window: the lists that both presets would serve, their two
towers alone, and the baselines, on the same users.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from features.report_table import ReportTable
from jobs.console import ROOT, commit

Steps = list[tuple[str, float, float, float]]
METRICS = ("recall@12", "recall@100", "map@12")
BASELINES = ("last week's bestsellers", "own purchases by frequency")


def run_step(name: str, command: list[str], steps: Steps) -> None:
    """Run a command, and append its seconds, CPU seconds and peak resident memory in MB to `steps`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{name} ended with status {os.waitstatus_to_exitcode(status)}")
    steps.append((name, time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))


def job(name: str, *arguments: str) -> list[str]:
    """Return the command line of a job."""
    return [sys.executable, str(ROOT / "jobs" / f"{name}.py"), *arguments]


@click.command()
@click.option("--raw-dir", type=click.Path(path_type=Path), help="Raw tables; by default the demo data.")
@click.option("--seed", default=1, show_default=True)
def main(raw_dir: Path | None, seed: int) -> None:
    """Run all steps, and print seconds, CPU seconds, memory and recall."""
    steps: Steps = []
    with tempfile.TemporaryDirectory(prefix="demo-pipeline-") as folder:
        work = Path(folder)
        repo, releases, data = work / "feature_repo", work / "artifacts", work / "data"
        shutil.copytree(ROOT / "feature_repo", repo, ignore=shutil.ignore_patterns("__pycache__"))
        if raw_dir is None:
            raw_dir = data / "raw"
            run_step("fetch_demo_data", job("fetch_demo_data", "--raw-dir", str(raw_dir)), steps)
        build = job("build_features", "--raw-dir", str(raw_dir), "--output", str(data / "features"))
        run_step("build_features", build, steps)
        run_step("feast apply", [str(Path(sys.executable).parent / "feast"), "-c", str(repo), "apply"], steps)
        metrics = {}
        for preset in ("seed", "default"):
            folders = ("--repo", str(repo), "--releases", str(releases))
            run_step(f"train, preset {preset}", job("train", *folders, "--preset", preset, "--seed", str(seed)), steps)
            release = releases / (releases / "LATEST").read_text().strip()
            metrics[preset] = json.loads((release / "metrics.json").read_text())
        run_step("materialize", job("materialize", "--repo", str(repo)), steps)
        output = str(data / "candidates.parquet")
        run_step("generate_candidates", job("generate_candidates", *folders, "--output", output), steps)
        manifest = json.loads((release / "manifest.json").read_text())

    cpu_of_all = sum(cpu for _, _, cpu, _ in steps)
    rows = [
        (name, f"{seconds:.0f}", f"{cpu:.0f}", f"{cpu / cpu_of_all:.2f}", f"{memory:,.0f}")
        for name, seconds, cpu, memory in steps
    ]
    print(ReportTable.of(["step", "seconds", "CPU seconds", "share of CPU", "peak MB"], rows, ["step"]).markdown())
    models = {
        f"{model}, preset `{preset}`" if model not in BASELINES else model: values
        for preset, content in metrics.items()
        for model, values in content["served"]["models"].items()
    }
    bestsellers = models[BASELINES[0]]["all"]["recall@100"]
    rows = [
        [
            name,
            *(f"{values['all'][metric]:.4f}" for metric in METRICS),
            f"{values['all']['recall@100'] / bestsellers:.2f}",
            *(f"{values['new'][metric]:.4f}" for metric in METRICS),
        ]
        for name, values in models.items()
    ]
    header = ["", *METRICS, "recall@100 / bestsellers", *(f"{metric}, new items" for metric in METRICS)]
    print(f"\n{ReportTable.of(header, rows, header[:1]).markdown()}\n")
    print(
        f"cut {manifest['cut'][:10]}, as of {manifest['as_of'][:10]}, seed {seed}, commit {commit()}, "
        f"{os.cpu_count()} cores, {platform.machine()}"
    )


if __name__ == "__main__":
    main()
