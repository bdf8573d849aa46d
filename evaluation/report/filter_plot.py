"""What each filter takes out of the lists and what recall that costs, cut by cut: its price tag."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from evaluation.filter_costs import ALL_FILTERS, FilterCosts
from evaluation.metrics import primary_cutoff
from evaluation.report.drawing import drawn
from evaluation.report.formatting import NO_VALUE, percent, plain, points, shortened, tick, times
from evaluation.report.palette import CARD, INK, OTHER, SERIES, SOFT, Colour
from evaluation.report.recall_plots import PROTOCOL_TITLES, protocols_of
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.results import Comparison, FilterCost, Protocol, Results

_NAMES: Final = 236  # pixels at the left for names
_COLUMN: Final = 208  # pixels of one column's axes
_NUMBERS: Final = 76  # pixels beside them for the medians
_TOP: Final = 30
_BOTTOM: Final = 50
_STEP: Final = 10  # pixels from one cut to the next
_GAP: Final = 12  # pixels between filters
_HEADING: Final = 26
_HEADINGS: Final = {True: "In force", False: "Not in force"}
_COLOURS: Final = {True: SERIES[0], False: OTHER}
_KEYS: Final = {True: "in force", False: "not in force: what it would cost"}
_BOUGHT: Final[dict[Protocol, str]] = {"all": "on all purchases", "new": "on items new to the user"}


def filter_costs(results: Results) -> ReportSection | None:
    """Draw what filters drop and cost at every cut; None if no cut has priced any."""
    filters = FilterCosts.from_windows(results["windows"])
    if not filters:
        return None
    k = primary_cutoff(results["cutoffs"])
    protocols = [each for each in protocols_of(results) if any(priced.changes(each) for priced in filters)]
    return ReportSection(
        title="What do filters cost?",
        reading=(
            f"{_together(filters, k)}A filter takes candidates out before the list is cut, and the next best move up. "
            f"First: how many of the first {k:,} candidates of a list without filters it takes out. Then: recall@{k} "
            "with it minus without any filter, over the same users, in percentage points, with its 95 % interval. Each "
            "line is one week, the earliest on top; the numbers are medians. Left of zero, people bought in that week "
            "what the filter hides."
        ),
        panels=(
            Panel("What is dropped, and what it costs", _prices(filters, protocols, k), _told(filters, protocols)),
        ),
        tables=(_table(filters, k),),
        keys=(
            *(Key(_COLOURS[force], label) for force, label in _KEYS.items() if force in {e.active for e in filters}),
            Key(INK, "interval reaches zero: too close to call", hollow=True),
        ),
        wide=True,
    )


def _together(filters: Sequence[FilterCosts], k: int) -> str:
    """Say in a sentence or two what the set in force does, or nothing if it was not priced."""
    for each in filters:
        if each.name == ALL_FILTERS:
            changes = [
                f"by {points(_median(each.changes(protocol)))} points {bought}"
                for protocol, bought in _BOUGHT.items()
                if each.changes(protocol)
            ]
            short = _median([price["short_lists"] for _, price in each.costs])
            return (
                f"All filters in force together take out {percent(_median(each.dropped))} of the candidates and change "
                f"recall@{k} {' and '.join(changes)}. "
                + (f"They leave {percent(short)} of the users with fewer than {k:,} candidates. " if short else "")
            )
    return ""


def _label(each: FilterCosts) -> str:
    """Return a filter's name and setting as words: "cool down, 28 days"."""
    name, setting = plain(each.name.replace("_", " ")), plain(each.setting)
    return f"{name}, {setting}" if setting else name


def _prices(filters: Sequence[FilterCosts], protocols: Sequence[Protocol], k: int) -> str:
    """Draw a row for each filter: bars of what it drops, then intervals of what it costs on each protocol."""
    places, inner = _places(filters)
    columns = 1 + len(protocols)
    width, height = _NAMES + columns * (_COLUMN + _NUMBERS), inner + _TOP + _BOTTOM

    def draw(first: Axes) -> None:
        figure = cast("Figure", first.figure)
        for place in range(columns):
            left = (_NAMES + place * (_COLUMN + _NUMBERS)) / width
            axes = first if place == 0 else figure.add_axes((left, _BOTTOM / height, _COLUMN / width, inner / height))
            axes.set_ylim(inner, 0)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.tick_params(length=0)
            if place == 0:
                _draw_dropped(axes, filters, places, k)
            else:
                _draw_changes(axes, filters, places, protocols[place - 1], k)
        _name_rows(first, filters, places)

    margins = (_NAMES, width - _NAMES - _COLUMN, _BOTTOM, _TOP)
    return drawn(draw, "filter prices", (width, height), margins)


def _places(filters: Sequence[FilterCosts]) -> tuple[list[float], int]:
    """Return the top of each filter's row in pixels, and the height of all together."""
    places, y = [], 0.0
    for number, each in enumerate(filters):
        if number == 0 or each.active != filters[number - 1].active:
            y += _HEADING
        places.append(y)
        y += len(each.costs) * _STEP + _GAP
    return places, int(y)


def _middle(each: FilterCosts, place: float) -> float:
    return place + len(each.costs) * _STEP / 2


def _name_rows(axes: Axes, filters: Sequence[FilterCosts], places: Sequence[float]) -> None:
    names = blended_transform_factory(axes.figure.transFigure, axes.transData)
    for number, (each, place) in enumerate(zip(filters, places, strict=True)):
        if number == 0 or each.active != filters[number - 1].active:
            axes.text(0.003, place - 10, _HEADINGS[each.active], transform=names, weight="bold", color=INK.light)
        axes.text(
            0.012,
            _middle(each, place),
            shortened(_label(each), 33),
            transform=names,
            color=_ink(each).light,
            weight="bold" if each.name == ALL_FILTERS else "normal",
            verticalalignment="center_baseline",
        )


def _ink(each: FilterCosts) -> Colour:
    return INK if each.active else SOFT


def _draw_dropped(axes: Axes, filters: Sequence[FilterCosts], places: Sequence[float], k: int) -> None:
    for each, place in zip(filters, places, strict=True):
        for week, share in enumerate(each.dropped):
            axes.barh(place + (week + 0.5) * _STEP, share, height=7, color=_COLOURS[each.active].light, linewidth=0)
        _write_beside(axes, each, place, percent(_median(each.dropped)))
    axes.set_xlim(0, 1.02 * max(max(each.dropped) for each in filters) or 1)
    _finish(axes, f"Dropped of {k:,} candidates", "share of the candidates", tick)


def _draw_changes(
    axes: Axes, filters: Sequence[FilterCosts], places: Sequence[float], protocol: Protocol, k: int
) -> None:
    axes.axvline(0, color=SOFT.light, linewidth=1, zorder=1)
    ends = [0.0]
    for each, place in zip(filters, places, strict=True):
        weeks = [cut for cut, _ in each.costs]
        for cut, comparison in each.comparisons(protocol):
            _draw_interval(axes, comparison, place + (weeks.index(cut) + 0.5) * _STEP, _COLOURS[each.active])
            ends += [100 * end for end in comparison["difference"]]
        changes = each.changes(protocol)
        _write_beside(axes, each, place, points(_median(changes)) if changes else NO_VALUE)
    margin = 0.05 * (max(ends) - min(ends)) or 1
    axes.set_xlim(min(ends) - margin, max(ends) + margin)
    _finish(axes, f"{PROTOCOL_TITLES[protocol]}, recall@{k}", "percentage points of recall", _signed)


def _draw_interval(axes: Axes, comparison: Comparison, y: float, colour: Colour) -> None:
    mean, low, high = (100 * value for value in comparison["difference"])
    face = CARD if low <= 0 <= high else colour
    axes.plot([low, high], [y, y], color=colour.light, linewidth=1.8, solid_capstyle="round", zorder=3)
    axes.plot([mean], [y], "o", markersize=6, markerfacecolor=face.light, markeredgecolor=colour.light, zorder=4)


def _write_beside(axes: Axes, each: FilterCosts, place: float, text: str) -> None:
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    axes.text(
        1 + 62 / _COLUMN,
        _middle(each, place),
        text,
        transform=beside,
        color=_ink(each).light,
        weight="bold" if each.active else "normal",
        horizontalalignment="right",
        verticalalignment="center_baseline",
    )


def _finish(axes: Axes, title: str, x_label: str, ticked: Callable[[float], str]) -> None:
    axes.set_title(title, loc="left", fontsize=12, weight="bold", color=INK.light)
    axes.set_xlabel(x_label)
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda value, _: ticked(value))


def _signed(value: float) -> str:
    return f"{value:+g}" if value else "0"


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _table(filters: Sequence[FilterCosts], k: int) -> Table:
    rows = [
        (
            plain(each.name.replace("_", " ")),
            plain(each.setting) or NO_VALUE,
            "yes" if each.active else "no",
            cut,
            *_numbers(price),
        )
        for each in filters
        for cut, price in each.costs
    ]
    header = ("filter", "setting", "in force", "week", "dropped", "users who lose any", f"users with fewer than {k:,}")
    return Table((*header, "all: points", "ratio", "new: points", "ratio"), tuple(rows), words=4)


def _numbers(price: FilterCost) -> tuple[str, ...]:
    return (
        percent(price["dropped"]),
        percent(price["affected_users"]),
        percent(price["short_lists"]),
        *_written(price["all"]),
        *(_written(price["new"]) if price["new"] else (NO_VALUE, NO_VALUE)),
    )


def _written(comparison: Comparison) -> tuple[str, str]:
    mean, low, high = comparison["difference"]
    ratio = comparison["ratio"]
    return (
        f"{points(mean)} ({points(low)} to {points(high)})",
        f"{times(ratio[0])} ({times(ratio[1])} to {times(ratio[2])})" if ratio else NO_VALUE,
    )


def _told(filters: Sequence[FilterCosts], protocols: Sequence[Protocol]) -> str:
    parts = []
    for each in filters:
        changes = {protocol: each.changes(protocol) for protocol in protocols}
        told = [f"{points(_median(change))} {_BOUGHT[protocol]}" for protocol, change in changes.items() if change]
        force = "" if each.active else " (not in force)"
        parts.append(
            f"{_label(each)}{force} drops {percent(_median(each.dropped))}, changes recall by {', '.join(told)}"
        )
    return f"Bars and forest plot, shares and percentage points, medians over weeks: {'; '.join(parts)}."
