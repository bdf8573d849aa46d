"""Whether purchases stand further in front in the ranker's order than in retrieval's, and than on simple lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from evaluation.bootstrap import Estimate
from evaluation.report.drawing import drawn
from evaluation.report.formatting import counted, decimals, measure_name, plain, shortened
from evaluation.report.line_panel import WIDTH
from evaluation.report.model_styles import ModelStyle, contenders_of
from evaluation.report.palette import CARD, INK, SOFT
from evaluation.report.ranking_tables import decision_table, order_table, rankings_by_cut
from evaluation.report.recall_plots import PROTOCOL_TITLES, protocols_of
from evaluation.report.report_section import Key, Panel, ReportSection
from evaluation.results import Protocol, RankingResult, Results

_NAMES: Final = 218  # pixels at the left for names
_NUMBERS: Final = 64  # pixels at the right for medians
_STEP: Final = 10  # pixels from one cut to the next
_GAP: Final = 14  # pixels between models
_LISTS: Final = 3  # of the simple lists, the best are drawn


@dataclass(frozen=True)
class _Row:
    """One model: its estimates by the dates of the cuts, and at which of them it is retrieval's order as well."""

    contender: ModelStyle
    estimates: tuple[tuple[str, Estimate], ...]
    as_retrieved: frozenset[str]

    @property
    def median(self) -> float:
        return float(np.median([mean for _, (mean, _, _) in self.estimates]))


def candidate_order(results: Results) -> ReportSection | None:
    """Draw mean average precision of both orders and of the best simple lists; None if no cut tells of a ranker."""
    first = min(results["cutoffs"])
    measure, measures = f"map@{first}", (f"map@{first}", f"ndcg@{first}", f"recall@{first}")
    panels, tables, said, kept = [], [], [], False
    for protocol in protocols_of(results):
        rankings = rankings_by_cut(results, protocol)
        if rankings:
            rows, title = _rows(results, protocol, measure, rankings), PROTOCOL_TITLES[protocol]
            panels.append(
                Panel(f"{title}, {measure_name(measure)}", _forest(rows, f"order {protocol}"), _told(rows, measure))
            )
            contenders = [row.contender for row in rows]
            tables += [order_table(results, protocol, contenders, measures), decision_table(rankings, title, measure)]
            said.append(_said(rankings, title, measure))
            kept = kept or any(row.as_retrieved for row in rows)
    if not panels:
        return None
    return ReportSection(
        title="Is the order better?",
        reading=(
            f"{' '.join(said)} Further right, what people bought stands further in front among the first {first} "
            "candidates. Each line is one week, the earliest on top, with its 95 % interval; the numbers are medians. "
            "Both orders are of the same candidates; beneath them are the best simple lists."
        ),
        panels=tuple(panels),
        tables=tuple(tables),
        keys=(Key(INK, "retrieval's order was kept in that week", hollow=True),) if kept else (),
    )


def _rows(
    results: Results, protocol: Protocol, measure: str, rankings: Mapping[str, RankingResult]
) -> tuple[_Row, ...]:
    """Return both orders, then the simple lists with the highest medians, the best first."""
    last = list(rankings.values())[-1]
    kept = frozenset(cut for cut, ranking in rankings.items() if not ranking["ranked"])
    contenders = {contender.name: contender for contender in contenders_of(results)}

    def row(name: str, as_retrieved: frozenset[str] = frozenset()) -> _Row:
        judged = [(cut["cut_date"], cut["models"][name][protocol]) for cut in results["windows"]]
        estimates = tuple((cut, measured[measure]) for cut, measured in judged if measured)
        return _Row(contenders[name], estimates, as_retrieved)

    lists = [row(contender.name) for contender in contenders.values() if contender.role == "baseline"]
    lists.sort(key=lambda each: -each.median)
    return (row(last["ranked_model"], kept), row(last["retrieved_model"]), *lists[:_LISTS])


def _forest(rows: Sequence[_Row], salt: str) -> str:
    inner = sum(len(row.estimates) * _STEP + _GAP for row in rows)

    def draw(axes: Axes) -> None:
        names = blended_transform_factory(axes.figure.transFigure, axes.transData)
        beside = blended_transform_factory(axes.transAxes, axes.transData)
        axes.set_ylim(inner, 0)
        y = _GAP / 2
        for row in rows:
            ours, middle = row.contender.role == "ours", y + len(row.estimates) * _STEP / 2
            colour, weight = (INK if ours else SOFT).light, "bold" if ours else "normal"
            written: dict[str, Any] = {"color": colour, "weight": weight, "verticalalignment": "center_baseline"}
            axes.text(0.006, middle, shortened(row.contender.label, 31), transform=names, **written)
            axes.text(1.04, middle, decimals(row.median), transform=beside, **written)
            for cut, estimate in row.estimates:
                _draw_interval(axes, row, estimate, y + _STEP / 2, hollow=cut in row.as_retrieved)
                y += _STEP
            y += _GAP
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("mean average precision")

    return drawn(draw, salt, (WIDTH, inner + 58), (_NAMES, _NUMBERS, 50, 8))


def _draw_interval(axes: Axes, row: _Row, estimate: Estimate, y: float, *, hollow: bool) -> None:
    mean, low, high = estimate
    colour = row.contender.colour.light
    axes.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="round", zorder=3)
    face = CARD.light if hollow else colour
    axes.plot([mean], [y], marker="o", markersize=6, markerfacecolor=face, markeredgecolor=colour, zorder=4)


def _said(rankings: Mapping[str, RankingResult], title: str, measure: str) -> str:
    """Say in how many weeks the ranker ordered the candidates and what came of it, or why it never did."""
    ranked = [ranking for ranking in rankings.values() if ranking["ranked"]]
    weeks = counted(len(rankings), "week")
    if not ranked:
        last = list(rankings.values())[-1]
        return f"{title}: retrieval's order was kept in {weeks}. {plain(last['reason'])}"
    said = f"{title}: the ranker orders the candidates in {len(ranked)} of {weeks}"
    changes = [each["test"][measure]["difference"] for each in ranked if measure in each["test"]]
    if not changes:
        return f"{said}."
    ahead, behind = sum(low > 0 for _, low, _ in changes), sum(high < 0 for *_, high in changes)
    numbers = {
        "clearly for the better": ahead,
        "clearly for the worse": behind,
        "too close to call": len(changes) - ahead - behind,
    }
    return (
        f"{said} and changes {measure_name(measure)} by {np.median([mean for mean, _, _ in changes]):+.4f} in the "
        f"median: {', '.join(f'{word} in {number}' for word, number in numbers.items() if number)}."
    )


def _told(rows: Sequence[_Row], measure: str) -> str:
    medians = ", ".join(f"{row.contender.label} {decimals(row.median)}" for row in rows)
    return f"Plot of {measure_name(measure)} with intervals, week by week; medians: {medians}."
