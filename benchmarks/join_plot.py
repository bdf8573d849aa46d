"""Plots seconds against rows of `point_in_time.py`.

python benchmarks/join_plot.py results.json docs/point_in_time.png
"""

import json
from pathlib import Path
from typing import Any

import click

LINES = {  # peer: label, colour, marker; each colour has a contrast of at least 4.5 : 1 against white
    "feast-dask": ("Feast, dask", "#7b3294", "s"),
    "feast-duckdb": ("Feast, DuckDB", "#b34700", "^"),
    "asof": ("as-of store", "#00589c", "o"),
    "raw": ("raw DuckDB SQL", "#555555", "D"),
}


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("plot", type=click.Path(path_type=Path, dir_okay=False))
def main(results: Path, plot: Path) -> None:
    """Plot the JSON file RESULTS of `point_in_time.py --output` to the PNG file PLOT."""
    draw(json.loads(results.read_text(encoding="utf-8")), plot)


def draw(report: dict[str, Any], path: Path) -> None:
    """Plot one line per peer, with a cross where it was stopped."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sizes = sorted({result["rows"] for result in report["results"]})
    with mpl.rc_context({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 5), dpi=120)
        figure.subplots_adjust(left=0.09, right=0.79, bottom=0.11, top=0.92)
        axes = figure.add_subplot(xscale="log", yscale="log")
        ends = [_plot_line(axes, [each for each in report["results"] if each["peer"] == peer], peer) for peer in LINES]
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel("entity rows, joined with 4 feature views")
        axes.set_ylabel("seconds")
        axes.set_title(
            f"Point-in-time join, {report['threads']} threads, medians of {report['repeats']}", loc="left", fontsize=12
        )
        axes.set_ylim(top=axes.get_ylim()[1] * 2)  # room for labels
        if any(ends):
            _label(axes, [end for end in ends if end])
        figure.savefig(path)


def _plot_line(axes: Any, results: list[dict[str, Any]], peer: str) -> tuple[float, float, str, str] | None:
    """Plot a peer's line; return its end, label and colour."""
    label, colour, marker = LINES[peer]
    points = [(result["rows"], result["seconds"]) for result in results if "seconds" in result]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=6, linewidth=2)
    for stopped in (result for result in results if "after_seconds" in result):
        cross = (stopped["rows"], stopped["after_seconds"])
        axes.plot(*zip(*points[-1:], cross, strict=True), color=colour, linewidth=2, linestyle=":")
        axes.plot(*cross, color=colour, marker="x", markersize=10, markeredgewidth=3)
        return *cross, f"{label}\n{stopped['stopped']}", colour
    return (*points[-1], label, colour) if points else None


def _label(axes: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Label the lines' ends without overlaps: to the right, or above an end that is not the rightmost."""
    rightmost, line_height = max(x for x, *_ in ends), 14 * axes.figure.dpi / 72
    free = float("-inf")  # the lowest free height beside the lines, in pixels
    for x, y, text, colour in sorted(ends, key=lambda end: end[1]):
        style = {"color": colour, "weight": "bold", "textcoords": "offset points", "annotation_clip": False}
        if x < rightmost:
            axes.annotate(text, (x, y), xytext=(0, 9), ha="center", va="bottom", **style)
            continue
        half = line_height * (1 + text.count("\n")) / 2
        height = axes.transData.transform((x, y))[1]
        middle = max(height, free + half)
        free = middle + half
        above = (middle - height) * 72 / axes.figure.dpi
        axes.annotate(text, (x, y), xytext=(10, above), va="center", **style)


if __name__ == "__main__":
    main()
