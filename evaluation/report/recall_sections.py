"""Recall by number of candidates and by week, paired differences to the baselines, and the training curve."""

import math
from typing import Final

import numpy as np

from evaluation.bootstrap import Estimate
from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import (
    PROTOCOL_TITLES,
    day,
    decimals,
    percent,
    plain,
    points,
    protocols_of,
    ratio,
    with_interval,
)
from evaluation.report.plots import Line, Row, RowLayout, interval_mark, line_plot, row_plot
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.report.styles import BASELINE, INK, SERIES, ModelStyle, model_styles
from evaluation.results import Comparison, Protocol, Results

NOT_SIGNIFICANT: Final = Key(INK, "interval contains zero: not significant", hollow=True)
_MAX_TICKS: Final = 10
_MAX_DAYS: Final = 6


def recall_by_candidates(results: Results) -> ReportSection:
    """Plot recall@k against k, medians over windows."""
    cutoffs, panels, tables = results["cutoffs"], [], []
    for protocol in protocols_of(results):
        lines, rows = [], []
        for style in model_styles(results):
            estimates = [_median_estimate(results, style.name, protocol, f"recall@{k}") for k in cutoffs]
            lines.append(
                Line(style, tuple(mean for mean, _, _ in estimates), tuple((low, high) for _, low, high in estimates))
            )
            rows.append((style.label, *(with_interval(estimate, percent) for estimate in estimates)))
        title, ticks = PROTOCOL_TITLES[protocol], {math.log(k): f"{k:,}" for k in cutoffs}
        svg = line_plot(lines, ticks, "number of candidates k", f"candidates {protocol}")
        panels.append(Panel(title, svg))
        tables.append(Table((title, *(f"recall@{k}" for k in cutoffs)), tuple(rows)))
    weeks = len(results["windows"])
    return ReportSection(
        title="Recall@k by number of candidates",
        caption="Shaded: 95 % interval of one week."
        + (f" Values and intervals are medians over {weeks} weeks." if weeks > 1 else ""),
        panels=tuple(panels),
        tables=tuple(tables),
    )


def recall_by_week(results: Results) -> ReportSection | None:
    """Plot recall in each window; None if there is only one."""
    if len(results["windows"]) == 1:
        return None
    metric = f"recall@{primary_cutoff(results['cutoffs'])}"
    dates = [window["cut_date"] for window in results["windows"]]
    panels, tables = [], []
    for protocol in protocols_of(results):
        lines, rows = [], []
        for style in model_styles(results):
            estimates = [window["models"][style.name][protocol].get(metric) for window in results["windows"]]
            lines.append(Line(style, tuple(each[0] if each else None for each in estimates)))
            rows.append((style.label, *(with_interval(each, percent) for each in estimates)))
        title = PROTOCOL_TITLES[protocol]
        svg = line_plot(lines, dict(enumerate(_days(dates))), "cut date", f"weeks {protocol}")
        panels.append(Panel(title, svg))
        tables.append(Table((title, *dates), tuple(rows)))
    return ReportSection(
        title=f"Recall@{primary_cutoff(results['cutoffs'])} by week",
        caption="Each week is evaluated with models trained on the data before its cut date.",
        panels=tuple(panels),
        tables=tuple(tables),
    )


def paired_differences(results: Results) -> ReportSection | None:
    """Plot the differences of recall between models and baselines; None if nothing is compared."""
    metric, panels, tables = f"recall@{primary_cutoff(results['cutoffs'])}", [], []
    for protocol in protocols_of(results):
        pairs = _pairs(results, protocol, metric)
        if pairs:
            title = PROTOCOL_TITLES[protocol]
            layout = RowLayout(zero_line=True, ticks=6, tick_format=_signed)
            svg = row_plot(
                _difference_rows(pairs), "difference in percentage points", f"differences {protocol}", layout
            )
            panels.append(Panel(f"{title}, {metric}", svg))
            tables.append(_difference_table(pairs, title))
    if not panels:
        return None
    return ReportSection(
        title="Paired differences to the baselines",
        caption=(
            f"R{metric[1:]} of the model minus that of the baseline on the same users, with the 95 % interval of the "
            "paired bootstrap. One line per week, the earliest at the top."
        ),
        panels=tuple(panels),
        tables=tuple(tables),
        keys=(Key(INK, "significant"), Key(BASELINE, NOT_SIGNIFICANT.label, hollow=True)),
    )


def training_curve(results: Results) -> ReportSection | None:
    """Plot loss and recall by epoch of the last window with a training history; None if there is none."""
    trained = [window for window in results["windows"] if window["training_history"]]
    if not trained:
        return None
    epochs = trained[-1]["training_history"]
    every = -(-len(epochs) // _MAX_TICKS)
    ticks = {
        float(epoch["epoch"]): str(epoch["epoch"]) if number % every == 0 else "" for number, epoch in enumerate(epochs)
    }
    loss = Line(_style("loss", 0, "o"), tuple(epoch["loss"] for epoch in epochs))
    recalls = [
        Line(_style("all purchases", 1, "o"), tuple(epoch["recall"] for epoch in epochs)),
        Line(_style("new items", 2, "s"), tuple(epoch["new_item_recall"] for epoch in epochs)),
    ]
    svg = line_plot([loss], ticks, "epoch", "loss", value_format=decimals, tick_format="{:g}".format, from_zero=False)
    panels = [Panel("Training loss", svg)]
    if any(value is not None for line in recalls for value in line.values):
        svg = line_plot(recalls, ticks, "epoch", "recall by epoch")
        panels.append(Panel("Recall on the validation week", svg))
    rows = tuple(
        (str(epoch["epoch"]), decimals(epoch["loss"]), percent(epoch["recall"]), percent(epoch["new_item_recall"]))
        for epoch in epochs
    )
    return ReportSection(
        title="Training curve of the two towers",
        caption=(
            f"First stage of the training for the cut {trained[-1]['cut_date']}. An epoch is one pass over its "
            "purchases; recall is that of the week after them."
        ),
        panels=tuple(panels),
        tables=(Table(("epoch", "loss", "recall", "recall of new items"), rows),),
    )


_Pair = tuple[ModelStyle, str, dict[str, Comparison]]
"""A model, the name of a baseline, and their comparisons by cut date."""


def _pairs(results: Results, protocol: Protocol, metric: str) -> list[_Pair]:
    pairs = []
    for style in model_styles(results):
        by_baseline: dict[str, dict[str, Comparison]] = {}
        for window in results["windows"]:
            for baseline, compared in window["comparisons"].get(style.name, {}).items():
                if metric in compared[protocol]:
                    by_baseline.setdefault(baseline, {})[window["cut_date"]] = compared[protocol][metric]
        pairs += [(style, plain(baseline), comparisons) for baseline, comparisons in by_baseline.items()]
    return pairs


def _difference_rows(pairs: list[_Pair]) -> list[Row]:
    rows, model = [], ""
    for style, baseline, comparisons in pairs:
        marks = tuple(
            interval_mark(each["difference"], style.colour, hollow=contains_zero(each), scale=100)
            for each in comparisons.values()
        )
        heading = f"{style.label} minus" if style.name != model else ""
        rows.append(Row(baseline, marks, heading=heading))
        model = style.name
    return rows


def contains_zero(comparison: Comparison) -> bool:
    """Return whether the interval of the difference contains zero."""
    _, low, high = comparison["difference"]
    return low <= 0 <= high


def _difference_table(pairs: list[_Pair], title: str) -> Table:
    rows = tuple(
        (
            style.label,
            baseline,
            cut_date,
            with_interval(each["difference"], points),
            with_interval(each["ratio"], ratio),
        )
        for style, baseline, comparisons in pairs
        for cut_date, each in comparisons.items()
    )
    return Table((f"{title}: model", "baseline", "week", "difference (points)", "ratio"), rows, text_columns=3)


def _median_estimate(results: Results, name: str, protocol: Protocol, metric: str) -> Estimate:
    """Return the medians over windows of mean, lower and upper end, each on its own."""
    models = [window["models"][name][protocol] for window in results["windows"] if window["models"][name][protocol]]
    return [float(value) for value in np.median([estimates[metric] for estimates in models], axis=0)]


def _days(dates: list[str]) -> list[str]:
    """Return the dates as days, the first with its year, at most `_MAX_DAYS` of them."""
    every = -(-len(dates) // _MAX_DAYS)
    days = [day(date) if number % every == 0 else "" for number, date in enumerate(dates)]
    return [f"{days[0]}\n{dates[0][:4]}", *days[1:]]


def _style(label: str, number: int, marker: str) -> ModelStyle:
    return ModelStyle(label, label, "model", SERIES[number], (), marker)


def _signed(value: float) -> str:
    return f"{value:+g}" if value else "0"
