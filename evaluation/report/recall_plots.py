"""Recall of all models: against the number of candidates, and from cut to cut."""

import math
from typing import Final

import numpy as np

from evaluation.bootstrap import Estimate
from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import NO_VALUE, day, percent
from evaluation.report.line_panel import Line, line_panel
from evaluation.report.model_styles import ModelStyle, contenders_of
from evaluation.report.report_section import Panel, ReportSection, Table
from evaluation.results import PROTOCOLS, Protocol, Results

PROTOCOL_TITLES: Final[dict[Protocol, str]] = {"all": "All purchases", "new": "Items new to the user"}
_MOST_DAYS: Final = 6


def recall_by_candidates(results: Results) -> ReportSection:
    """Draw recall against k, medians over cuts."""
    cutoffs = results["cutoffs"]
    panels, tables = [], []
    for protocol in protocols_of(results):
        lines, rows = [], []
        for contender in contenders_of(results):
            estimates = [_median_estimate(results, contender.name, protocol, f"recall@{k}") for k in cutoffs]
            bands = tuple((low, high) for _, low, high in estimates)
            lines.append(line_of(contender, tuple(mean for mean, _, _ in estimates), bands))
            rows.append((contender.label, *(shown(estimate) for estimate in estimates)))
        places = [math.log(k) for k in cutoffs]
        svg = line_panel(lines, places, [f"{k:,}" for k in cutoffs], "candidates per user", f"candidates {protocol}")
        panels.append(Panel(PROTOCOL_TITLES[protocol], svg, _told(lines, f"at {max(cutoffs):,} candidates")))
        tables.append(Table((PROTOCOL_TITLES[protocol], *(f"recall@{k}" for k in cutoffs)), tuple(rows)))
    return ReportSection(
        title="How much is found with how many candidates?",
        reading=(
            "Higher is better. Each line is a model; the shaded band is the 95 % interval of one week. "
            f"{_over_cuts(results)}"
        ),
        panels=tuple(panels),
        tables=tuple(tables),
    )


def recall_by_cut(results: Results) -> ReportSection | None:
    """Draw recall at each cut, or return None where there is only one."""
    if len(results["windows"]) == 1:
        return None
    measure = f"recall@{primary_cutoff(results['cutoffs'])}"
    cuts = [cut["cut_date"] for cut in results["windows"]]
    panels, tables = [], []
    for protocol in protocols_of(results):
        lines, rows = [], []
        for contender in contenders_of(results):
            estimates = [cut["models"][contender.name][protocol].get(measure) for cut in results["windows"]]
            lines.append(line_of(contender, tuple(each[0] if each else None for each in estimates)))
            rows.append((contender.label, *(shown(each) if each else NO_VALUE for each in estimates)))
        svg = line_panel(lines, range(len(cuts)), _days(cuts), "weeks that begin on", f"cuts {protocol}")
        panels.append(Panel(f"{PROTOCOL_TITLES[protocol]}, {measure}", svg, _told(lines, "at the last cut")))
        tables.append(Table((PROTOCOL_TITLES[protocol], *cuts), tuple(rows)))
    return ReportSection(
        title="Does it hold from week to week?",
        reading="Each point is one week, judged on its own: every model knew only what had happened before that week.",
        panels=tuple(panels),
        tables=tuple(tables),
    )


def protocols_of(results: Results) -> tuple[Protocol, ...]:
    """Return the protocols that had users."""
    return tuple(
        protocol for protocol in PROTOCOLS if any(medians[protocol] for medians in results["medians"].values())
    )


def line_of(
    contender: ModelStyle, values: tuple[float | None, ...], bands: tuple[tuple[float, float], ...] = ()
) -> Line:
    """Return a model's line."""
    return Line(contender.label, contender.role, contender.colour, contender.dashes, contender.marker, values, bands)


def shown(estimate: Estimate) -> str:
    """Write a share with its interval: "33.1 % (32.5 to 33.8)"."""
    mean, low, high = estimate
    return f"{percent(mean)} ({100 * low:.1f} to {100 * high:.1f})"


def _median_estimate(results: Results, name: str, protocol: Protocol, measure: str) -> Estimate:
    """Return the medians over cuts of mean, lower and upper end, each on its own: those of a usual week."""
    judged = [cut["models"][name][protocol] for cut in results["windows"] if cut["models"][name][protocol]]
    return [float(value) for value in np.median([estimates[measure] for estimates in judged], axis=0)]


def _days(cuts: list[str]) -> list[str]:
    """Return the cuts as days, the first with its year, and as many as there is room for."""
    every = -(-len(cuts) // _MOST_DAYS)
    days = [day(cut) if place % every == 0 else "" for place, cut in enumerate(cuts)]
    return [f"{days[0]}\n{cuts[0][:4]}", *days[1:]]


def _over_cuts(results: Results) -> str:
    return f"Values and bands are medians over {len(results['windows'])} weeks." if len(results["windows"]) > 1 else ""


def _told(lines: list[Line], where: str) -> str:
    ends = [f"{line.label} {percent(line.values[-1])}" for line in lines]
    return f"Line chart of recall; {where}: {', '.join(ends)}."
