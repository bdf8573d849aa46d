"""Recall by slice: by popularity of the item, by activity of the user, and of cold items."""

from collections.abc import Sequence

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import (
    counted,
    percent,
    with_interval,
)
from evaluation.report.plots import Line, Mark, Row, RowLayout, line_plot, row_plot
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.report.styles import INK, model_styles
from evaluation.results import DecileRow, ItemRow, Results
from evaluation.summaries import cold_user_recall


def recall_by_popularity(results: Results) -> ReportSection:
    """Plot recall by popularity decile, over the purchases of all windows."""
    styles = model_styles(results)
    pooled = [
        _pool([window["models"][style.name]["slices"]["deciles"] for window in results["windows"]]) for style in styles
    ]
    lines = [Line(style, tuple(recall for _, recall in rows)) for style, rows in zip(styles, pooled, strict=True)]
    deciles = [str(number) for number in range(1, len(pooled[0]) + 1)]
    ticks = dict(enumerate([f"{deciles[0]}\nbestsellers", *deciles[1:-1], f"{deciles[-1]}\nlong tail"]))
    return ReportSection(
        title="Recall by popularity of the item",
        caption=(
            "Items are ranked by sales before the cut and split into ten groups, each with a tenth of the units sold: "
            f"1 are a few bestsellers, 10 is the long tail. Recall@{primary_cutoff(results['cutoffs'])} over the "
            "purchases of all weeks."
        ),
        panels=(Panel("Recall by popularity decile", line_plot(lines, ticks, "popularity decile", "deciles")),),
        tables=(
            Table(
                ("decile", *deciles),
                (
                    ("purchases", *(f"{relevant:,}" for relevant, _ in pooled[0])),
                    *((line.style.label, *(percent(value) for value in line.values)) for line in lines),
                ),
            ),
        ),
    )


def recall_by_activity(results: Results) -> ReportSection | None:
    """Plot recall by activity of the user in the last window; None if users are not grouped."""
    last, styles = results["windows"][-1], model_styles(results)
    slices = [last["models"][style.name]["slices"]["activity"] for style in styles]
    groups = slices[0]
    if not groups:
        return None
    lines = [
        Line(
            style, tuple(row["recall"][0] for row in rows), tuple((row["recall"][1], row["recall"][2]) for row in rows)
        )
        for style, rows in zip(styles, slices, strict=True)
    ]
    names = [row["name"].removesuffix("s").removesuffix(" purchase").replace("cold user", "none") for row in groups]
    return ReportSection(
        title="Recall by activity of the user",
        caption=(
            "Users grouped by number of purchases before the cut. "
            f"Week of {last['cut_date']}, recall@{primary_cutoff(results['cutoffs'])}, 95 % intervals."
            f"{_cold_users(results)}"
        ),
        panels=(
            Panel(
                "Recall by number of purchases",
                line_plot(lines, dict(enumerate(names)), "purchases before the cut", "activity"),
            ),
        ),
        tables=(
            Table(
                ("model", *(f"{row['name']} ({counted(row['users'], 'user')})" for row in groups)),
                tuple(
                    (style.label, *(with_interval(row["recall"], percent) for row in rows))
                    for style, rows in zip(styles, slices, strict=True)
                ),
            ),
        ),
    )


def recall_of_cold_items(results: Results) -> ReportSection:
    """Plot recall of items without sales before the cut beside that of the others, over all windows."""
    styles = model_styles(results)
    kinds = [row["name"] for row in results["windows"][0]["models"][styles[0].name]["slices"]["items"]]
    pooled = {
        style.label: _pool([window["models"][style.name]["slices"]["items"] for window in results["windows"]])
        for style in styles
    }
    counts = [relevant for relevant, _ in pooled[styles[0].label]]
    names = [f"{kind} ({counted(count, 'purchase')})" for kind, count in zip(kinds, counts, strict=True)]
    rows = []
    for style in styles:
        recalls = [(recall, kind == kinds[0]) for kind, (_, recall) in zip(kinds, pooled[style.label], strict=True)]
        points = tuple((recall, hollow) for recall, hollow in recalls if recall is not None)
        mark = Mark(style.colour, tuple(recall for recall, _ in points), points)
        rows.append(Row(style.label, (mark,), bold=style.role == "model"))
    table = tuple((label, *(percent(recall) for _, recall in recalls)) for label, recalls in pooled.items())
    return ReportSection(
        title="Recall of cold items",
        caption=(
            "Cold items have no sales before the cut, so baselines that use past sales cannot retrieve them. "
            f"Recall@{primary_cutoff(results['cutoffs'])} over the purchases of all weeks."
        ),
        panels=(Panel("Recall by kind of item", row_plot(rows, "recall", "cold items", RowLayout(step=14, gap=8))),),
        tables=(Table(("model", *names), table),),
        keys=tuple(Key(INK, name, hollow=number == 0) for number, name in enumerate(names)),
    )


def _cold_users(results: Results) -> str:
    """Return a sentence about the cold users of all windows, empty if there are none."""
    cold = cold_user_recall(results["windows"])
    if cold is None:
        return ""
    users, recall = cold
    return (
        f" Not included: {counted(users, 'cold user')} of all weeks, who receive last week's bestsellers (recall "
        f"{percent(recall)})."
    )


def _pool(by_window: Sequence[Sequence[DecileRow] | Sequence[ItemRow]]) -> list[tuple[int, float | None]]:
    """Return for each row the number of relevant items in all windows and their recall, None if there are none."""
    pooled: list[tuple[int, float | None]] = []
    for rows in zip(*by_window, strict=True):
        relevant = sum(row["relevant"] for row in rows)
        hits = sum(row["relevant"] * (row["recall"] or 0.0) for row in rows)
        pooled.append((relevant, hits / relevant if relevant else None))
    return pooled
