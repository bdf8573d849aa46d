"""Our models minus each simple list, cut by cut, with intervals: a forest plot."""

from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from evaluation.metrics import primary_cutoff
from evaluation.report.drawing import drawn
from evaluation.report.formatting import NO_VALUE, plain, points, shortened, times
from evaluation.report.model_styles import ModelStyle, contenders_of
from evaluation.report.palette import BASELINE, CARD, INK, SOFT
from evaluation.report.recall_plots import PROTOCOL_TITLES, protocols_of
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.results import Comparison, Protocol, Results

_WIDTH: Final = 520
_NAMES: Final = 212  # pixels at the left for names
_STEP: Final = 10  # pixels from one cut to the next
_GAP: Final = 12  # pixels between baselines
_HEADING: Final = 24


@dataclass(frozen=True)
class _Group:
    """One model beside one baseline: a comparison for each cut that has one, by the cut's date."""

    model: ModelStyle
    baseline: str
    comparisons: tuple[tuple[str, Comparison], ...]


def paired_differences(results: Results) -> ReportSection | None:
    """Draw the paired differences of recall, or return None where nothing is compared."""
    measure = f"recall@{primary_cutoff(results['cutoffs'])}"
    panels, tables = [], []
    for protocol in protocols_of(results):
        groups = _groups_of(results, protocol, measure)
        if groups:
            title = f"{PROTOCOL_TITLES[protocol]}, {measure}"
            panels.append(Panel(title, _forest(groups, f"differences {protocol}"), _told(groups)))
            tables.append(_table(groups, PROTOCOL_TITLES[protocol]))
    if not panels:
        return None
    return ReportSection(
        title="Is it better than the simple lists?",
        reading=(
            "Each line is one week, the earliest on top: the model's recall minus the simple list's, over the same "
            "users, in percentage points, with its 95 % interval. Right of zero the model finds more."
        ),
        panels=tuple(panels),
        tables=tuple(tables),
        keys=(Key(INK, "beyond chance"), Key(BASELINE, "interval reaches zero: too close to call", hollow=True)),
    )


def _groups_of(results: Results, protocol: Protocol, measure: str) -> list[_Group]:
    groups = []
    for contender in contenders_of(results):
        by_baseline: dict[str, list[tuple[str, Comparison]]] = {}
        for cut in results["windows"]:
            for baseline, compared in cut["comparisons"].get(contender.name, {}).items():
                if measure in compared[protocol]:
                    by_baseline.setdefault(baseline, []).append((cut["cut_date"], compared[protocol][measure]))
        groups += [_Group(contender, plain(baseline), tuple(each)) for baseline, each in by_baseline.items()]
    return groups


def _forest(groups: list[_Group], salt: str) -> str:
    """Draw the groups from top to bottom, under the name of their model."""
    headings = len({group.model.name for group in groups})
    inner = headings * _HEADING + sum(len(group.comparisons) * _STEP + _GAP for group in groups)

    def draw(axes: Axes) -> None:
        names = blended_transform_factory(axes.figure.transFigure, axes.transData)
        axes.set_ylim(inner, 0)
        axes.axvline(0, color=SOFT.light, linewidth=1, zorder=1)
        y, model = 0.0, None
        for group in groups:
            if group.model.name != model:
                model = group.model.name
                heading = f"{shortened(group.model.label, 60)} minus"
                box = {"facecolor": CARD.light, "edgecolor": "none", "pad": 1.5}  # a long name crosses the zero line
                axes.text(0.006, y + 14, heading, transform=names, weight="bold", color=INK.light, bbox=box)
                y += _HEADING
            middle = y + len(group.comparisons) * _STEP / 2
            label = shortened(group.baseline, 30)
            axes.text(0.02, middle, label, transform=names, color=SOFT.light, verticalalignment="center_baseline")
            for _, comparison in group.comparisons:
                _draw_interval(axes, group.model, comparison, y + _STEP / 2)
                y += _STEP
            y += _GAP
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)
        axes.locator_params(axis="x", nbins=6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
        axes.set_xlabel("percentage points of recall")

    return drawn(draw, salt, (_WIDTH, inner + 60), (_NAMES, 12, 50, 10))


def _draw_interval(axes: Axes, model: ModelStyle, comparison: Comparison, y: float) -> None:
    mean, low, high = (100 * value for value in comparison["difference"])
    colour = model.colour.light
    axes.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="round", zorder=3)
    face = CARD.light if low <= 0 <= high else colour
    axes.plot([mean], [y], marker="o", markersize=6, markerfacecolor=face, markeredgecolor=colour, zorder=4)


def _table(groups: list[_Group], title: str) -> Table:
    rows = []
    for group in groups:
        for cut, comparison in group.comparisons:
            mean, low, high = comparison["difference"]
            ratio = comparison["ratio"]
            ratios = f"{times(ratio[0])} ({times(ratio[1])} to {times(ratio[2])})" if ratio else NO_VALUE
            difference = f"{points(mean)} ({points(low)} to {points(high)})"
            rows.append((group.model.label, group.baseline, cut, difference, ratios))
    return Table((f"{title}: model", "minus", "week", "points", "ratio"), tuple(rows), words=3)


def _told(groups: list[_Group]) -> str:
    parts = []
    for group in groups:
        ends = [comparison["difference"] for _, comparison in group.comparisons]
        ahead, behind = sum(low > 0 for _, low, _ in ends), sum(high < 0 for *_, high in ends)
        parts.append(
            f"{group.model.label} against {group.baseline}: ahead in {ahead}, behind in {behind} of {len(ends)}"
        )
    return f"Forest plot of paired differences; weeks with a difference beyond chance: {'; '.join(parts)}."
