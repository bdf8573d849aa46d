"""The candidates: sources, cost of filters, and coverage of the catalogue."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from evaluation.filter_costs import ALL_FILTERS, FilterCosts
from evaluation.metrics import PRIMARY_CUTOFF, primary_cutoff
from evaluation.report.formatting import (
    NO_VALUE,
    PROTOCOL_TITLES,
    percent,
    plain,
    points,
    protocols_of,
    ratio,
    with_interval,
)
from evaluation.report.plots import Bar, Mark, Row, RowLayout, interval_mark, row_plot
from evaluation.report.recall_sections import NOT_SIGNIFICANT, contains_zero
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.report.styles import OTHER, SERIES, SOFT, Colour, model_styles
from evaluation.results import Comparison, Protocol, Results, SourceResults

_COLOURS: Final = {True: SERIES[0], False: OTHER}
_ACTIVE: Final = {True: "active", False: "not active, for comparison"}
_ON: Final[dict[Protocol, str]] = {"all": "on all purchases", "new": "on new items"}


def catalogue_coverage(results: Results) -> ReportSection:
    """Tabulate coverage and popularity bias, medians over windows."""
    rows = []
    for style in model_styles(results):
        coverages = [window["models"][style.name]["catalogue_coverage"] for window in results["windows"]]
        items = np.median([each["distinct_items"] for each in coverages])
        shares = (
            [each["coverage"] for each in coverages],
            [each["popularity_bias"] for each in coverages],
            [each["bestseller_share"] for each in coverages],
        )
        rows.append((style.label, f"{items:,.0f}", *(percent(_median(values)) for values in shares)))
    k = primary_cutoff(results["cutoffs"])
    return ReportSection(
        title="Catalogue coverage and popularity bias",
        caption=(
            f"The first {k:,} candidates of all users, medians over weeks. Coverage: distinct items / catalogue. "
            "Popularity: mean sales percentile of the candidates (random lists: 50 %). Bestsellers: share of "
            f"candidates among the {k:,} best-selling items."
        ),
        panels=(),
        tables=(Table(("model", "distinct items", "coverage", "popularity", "bestsellers"), tuple(rows)),),
    )


def filter_costs(results: Results) -> ReportSection | None:
    """Plot what filters drop and how recall changes; None if no filter was measured."""
    filters = FilterCosts.from_windows(results["windows"])
    if not filters:
        return None
    k = primary_cutoff(results["cutoffs"])
    protocols = [protocol for protocol in protocols_of(results) if any(each.changes(protocol) for each in filters)]
    bars = [
        _filter_row(filters, number, [Mark(colour, bars=(Bar(share, colour),)) for share in each.dropped], each.dropped)
        for number, each in enumerate(filters)
        for colour in [_COLOURS[each.active]]
    ]
    panels = [
        Panel(
            f"Share of the first {k:,} candidates dropped",
            row_plot(bars, "share of candidates", "dropped", RowLayout(notes=64, ticks=4)),
        ),
        *(_change_panel(filters, protocol, k) for protocol in protocols),
    ]
    return ReportSection(
        title="Cost of filters",
        caption=(
            f"{_all_filters(filters, k)}Filters are applied before the top k are taken, so other candidates move up. "
            f"Dropped: share of the first {k:,} unfiltered candidates that the filter excludes. Change: recall@{k} "
            "with the filter minus recall without any, on the same users, in percentage points with 95 % intervals. "
            "One line per week, the earliest at the top; numbers are medians."
        ),
        panels=tuple(panels),
        tables=(_filter_table(filters, k),),
        keys=(
            *(Key(_COLOURS[active], text) for active, text in _ACTIVE.items() if active in {e.active for e in filters}),
            NOT_SIGNIFICANT,
        ),
    )


def candidate_sources(results: Results) -> ReportSection | None:
    """Plot shares and recall of the sources in the last window that has them; None if none has."""
    found = [(window["cut_date"], window["sources"]) for window in results["windows"] if window["sources"]]
    if not found:
        return None
    cut_date, sources = found[-1]
    colours = {row["source"]: SERIES[number % len(SERIES)] for number, row in enumerate(sources["rows"])}
    budgets = [str(budget) for budget in sources["budgets"]]
    budget = str(PRIMARY_CUTOFF if PRIMARY_CUTOFF in sources["budgets"] else max(sources["budgets"]))
    shares = RowLayout(names=108, notes=24, step=30, gap=12, limits=(0, 1))
    recalls = RowLayout(names=168, characters=23, notes=140, step=22, gap=8, ticks=4)
    return ReportSection(
        title="Candidate sources",
        caption=(
            f"Week of {cut_date}. Left: share of each source in the blended lists, by number of candidates. Right: "
            f"recall@{budget} of each source alone (pale) and of the purchases that no other source finds (full). "
            "Union: round-robin of all sources with the same number of candidates."
        ),
        panels=(
            Panel(
                "Share of the blended candidates",
                row_plot(_share_rows(sources, colours), "share of candidates", "shares", shares),
            ),
            Panel(
                f"Recall@{budget}",
                row_plot(_recall_rows(sources, colours, budget), f"recall@{budget}", "sources", recalls),
            ),
        ),
        tables=(
            _source_table(sources, budgets),
            Table(
                ("share of the blended candidates", *(f"{each} candidates" for each in budgets)),
                tuple(
                    (plain(source), *(percent(sources["shares"][each].get(source, 0.0)) for each in budgets))
                    for source in colours
                ),
            ),
        ),
        keys=tuple(Key(colour, plain(source)) for source, colour in colours.items()),
    )


def _all_filters(filters: Sequence[FilterCosts], k: int) -> str:
    """Return a sentence or two about all active filters together; empty if they were not measured."""
    for each in filters:
        if each.name == ALL_FILTERS:
            changes = [
                f"by {points(_median(each.changes(protocol)))} points {text}"
                for protocol, text in _ON.items()
                if each.changes(protocol)
            ]
            short = _median([cost["short_lists"] for _, cost in each.costs])
            return (
                f"All active filters together drop {percent(_median(each.dropped))} of the candidates and change "
                f"recall@{k} {' and '.join(changes)}. "
                + (f"{percent(short)} of the users have fewer than {k:,} candidates. " if short else "")
            )
    return ""


def _change_panel(filters: Sequence[FilterCosts], protocol: Protocol, k: int) -> Panel:
    rows = []
    for number, each in enumerate(filters):
        comparisons = dict(each.comparisons(protocol))
        marks = [
            interval_mark(compared["difference"], _COLOURS[each.active], hollow=contains_zero(compared), scale=100)
            if compared
            else None
            for compared in (comparisons.get(cut_date) for cut_date, _ in each.costs)
        ]
        rows.append(_filter_row(filters, number, marks, each.changes(protocol), points))
    layout = RowLayout(notes=64, ticks=4, zero_line=True, tick_format="{:g}".format)
    return Panel(
        f"{PROTOCOL_TITLES[protocol]}: change of recall@{k}",
        row_plot(rows, "change in percentage points", f"filters {protocol}", layout),
    )


def _filter_row(
    filters: Sequence[FilterCosts],
    number: int,
    marks: Sequence[Mark | None],
    values: Sequence[float],
    write: Callable[[float], str] = percent,
) -> Row:
    each = filters[number]
    heading = ""
    if number == 0 or each.active != filters[number - 1].active:
        heading = "Active" if each.active else "Not active"
    note = write(_median(values)) if values else NO_VALUE
    return Row(_label(each), tuple(marks), note, bold=each.active, heading=heading)


def _label(each: FilterCosts) -> str:
    """Return the name and setting of a filter, such as "cool down, 28 days"."""
    name, setting = plain(each.name.replace("_", " ")), plain(each.setting)
    return f"{name}, {setting}" if setting else name


def _filter_table(filters: Sequence[FilterCosts], k: int) -> Table:
    def compared(comparison: Comparison | None) -> tuple[str, str]:
        if comparison is None:
            return NO_VALUE, NO_VALUE
        return with_interval(comparison["difference"], points), with_interval(comparison["ratio"], ratio)

    rows = tuple(
        (
            plain(each.name.replace("_", " ")),
            plain(each.setting) or NO_VALUE,
            "yes" if each.active else "no",
            cut_date,
            percent(cost["dropped"]),
            percent(cost["affected_users"]),
            percent(cost["short_lists"]),
            *compared(cost["all"]),
            *compared(cost["new"]),
        )
        for each in filters
        for cut_date, cost in each.costs
    )
    header = ("filter", "setting", "active", "week", "dropped", "affected users", f"users with fewer than {k:,}")
    return Table((*header, "all: change (points)", "ratio", "new: change (points)", "ratio"), rows, text_columns=4)


def _share_rows(sources: SourceResults, colours: dict[str, Colour]) -> list[Row]:
    """Return one stacked bar for each budget."""
    rows = []
    for budget in sources["budgets"]:
        left, bars = 0.0, []
        for source, colour in colours.items():
            share = sources["shares"][str(budget)].get(source, 0.0)
            bars.append(Bar(share, colour, left, text=f"{100 * share:.0f} %"))
            left += share
        rows.append(Row(f"{budget:,} candidates", (Mark(SOFT, bars=tuple(bars)),)))
    return rows


def _recall_rows(sources: SourceResults, colours: dict[str, Colour], budget: str) -> list[Row]:
    """Return a bar of recall alone and unique recall for each source, then union and blended lists."""
    rows = []
    for row in sources["rows"]:
        colour, alone, unique = colours[row["source"]], row["alone"][budget], row["unique"][budget]
        bars = (Bar(alone, colour, alpha=0.35), Bar(unique, colour))
        rows.append(Row(row["source"], (Mark(colour, bars=bars),), f"{percent(alone)}, unique {percent(unique)}"))
    for name, recalls in (("union of all", sources["union"]), ("blended", sources["blended"])):
        rows.append(Row(name, (Mark(SOFT, bars=(Bar(recalls[budget], SOFT),)),), percent(recalls[budget])))
    return rows


def _source_table(sources: SourceResults, budgets: Sequence[str]) -> Table:
    rows = [
        (plain(row["source"]), *(percent(row[kind][budget]) for kind in ("alone", "unique") for budget in budgets))
        for row in sources["rows"]
    ]
    rows += [
        (name, *(percent(recalls[budget]) for budget in budgets), *("",) * len(budgets))
        for name, recalls in (("union of all", sources["union"]), ("blended", sources["blended"]))
    ]
    header = (f"{kind}, {budget}" for kind in ("alone", "unique") for budget in budgets)
    return Table(("recall of the source", *header), tuple(rows))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
