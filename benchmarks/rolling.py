"""One table of several evaluations: data sets x items x metrics, as ratios to the best baseline of each week.

    python jobs/evaluate.py --repo shop/feature_repo --without-seed --output shop.html     for each data set
    python benchmarks/rolling.py demo.json shop.json --names demo,shop

Reads the JSON files of `jobs/evaluate.py`; the settings of all of them are the same. The best baseline is chosen in
each week by the metric itself, among popularity, own purchases, item-kNN,
user-kNN, TIFU-kNN, UP-CF, iALS. Each entry is the median of the weeks, and the worst week with its paired 95 %
interval (the ratio and its interval are of the same week). Prints a Markdown table.
"""

from pathlib import Path
from statistics import median
from typing import Any

import click

from features.report_table import ReportTable

METRICS = ("recall@100", "map@12", "ndcg@12")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--names", help="Of the data sets, separated by commas.  [default: those of the files]")
def main(files: tuple[Path, ...], names: str | None) -> None:
    """Print the table."""
    from evaluation.results import read_results

    titles = names.split(",") if names else [file.stem for file in files]
    if len(titles) != len(files):
        raise click.UsageError(f"--names holds {len(titles)} names for {len(files)} files.")
    rows, notes = [], []
    for title, file in zip(titles, files, strict=True):
        results = read_results(file)
        windows, run = results["windows"], results["run"]
        rows += [row for protocol in ("all", "new") for row in data_set_rows(title, windows, protocol)]
        users = ", ".join(f"{window['cut_date']} ({window['users']:,} users)" for window in windows)
        notes.append(f"{title}: cuts {users}; seed {run['seed']}, commit {run['commit']}")
    print(ReportTable.of(["data set", "items", "lists", *METRICS], rows, ["data set", "items", "lists"]).markdown())
    print("\n" + "\n".join(notes))


def data_set_rows(title: str, windows: list[Any], protocol: str) -> list[list[str]]:
    """The lines of one data set and protocol: the compared models, then the best baseline."""
    models = list(windows[0]["comparisons"])
    baselines = [name for name in windows[0]["comparisons"][models[0]] if name not in models]
    weeks = [window for window in windows if window["models"][models[0]][protocol]]
    rows = []
    for model in models:
        cells = []
        for metric in METRICS:
            ratios = [ratio_to_best(week, model, baselines, protocol, metric) for week in weeks]
            known = [ratio for ratio in ratios if ratio is not None]
            worst = min(known, default=None)
            cells.append(
                "-"
                if worst is None or len(known) < len(ratios)
                else f"{median(ratio[0] for ratio in known):.3f} ({worst[0]:.3f}, {worst[1]:.3f}-{worst[2]:.3f})"
            )
        rows.append([title, protocol, model, *cells])
    best = [
        " ".join(
            f"{value(week, best_baseline(week, baselines, protocol, metric), protocol, metric):.4f}" for week in weeks
        )
        for metric in METRICS
    ]
    return [*rows, [title, protocol, "best baseline of each week", *best]]


def value(week: Any, model: str, protocol: str, metric: str) -> float:
    """The mean of a metric."""
    return float(week["models"][model][protocol][metric][0])


def best_baseline(week: Any, baselines: list[str], protocol: str, metric: str) -> str:
    """The name of the baseline with the largest mean."""
    return max(baselines, key=lambda name: value(week, name, protocol, metric))


def ratio_to_best(week: Any, model: str, baselines: list[str], protocol: str, metric: str) -> list[float] | None:
    """The ratio to the best baseline of a week and its interval; None if that may be 0."""
    best = best_baseline(week, baselines, protocol, metric)
    ratio: list[float] | None = week["comparisons"][model][best][protocol][metric]["ratio"]
    return ratio


if __name__ == "__main__":
    main()
