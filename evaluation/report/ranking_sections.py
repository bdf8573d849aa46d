"""The ranker: order of the candidates compared with retrieval and baselines, feature importance, calibration."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from evaluation.bootstrap import Estimate
from evaluation.report.drawing import draw_svg
from evaluation.report.formatting import (
    NO_VALUE,
    PROTOCOL_TITLES,
    counted,
    decimals,
    metric_name,
    plain,
    protocols_of,
    ratio,
    signed,
    significance,
    tick,
    with_interval,
)
from evaluation.report.plots import WIDTH, Bar, Mark, Row, RowLayout, interval_mark, row_plot
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.report.styles import CARD, INK, SERIES, SOFT, ModelStyle, model_styles
from evaluation.results import ImportanceRow, Protocol, RankingResult, ReliabilityRow, Results

_BASELINES: Final = 3  # number of baselines shown, the best ones
_VALIDATION_METRIC: Final = "ndcg@12"  # on which the use of the ranker is decided
_HEIGHT: Final = 400
_WIDE_RANGE: Final = 1_000  # ratio of the ends of a logarithmic axis from which only powers of ten are ticks
_MARGIN: Final = 1.6  # factor by which the axes exceed the data

_ModelEstimates = tuple[ModelStyle, dict[str, Estimate]]
"""A model and its estimates by cut date."""


def ranking_order(results: Results) -> ReportSection | None:
    """Plot MAP of the final order, of retrieval order and of the best baselines; None without rankers."""
    first = min(results["cutoffs"])
    metric, metrics = f"map@{first}", (f"map@{first}", f"ndcg@{first}", f"recall@{first}")
    panels, tables, texts, any_unranked = [], [], [], False
    for protocol in protocols_of(results):
        rankings = _rankings(results, protocol)
        if not rankings:
            continue
        unranked = {cut_date for cut_date, ranking in rankings.items() if not ranking["ranked"]}
        any_unranked = any_unranked or bool(unranked)
        models, title = _shown_models(results, protocol, metric, list(rankings.values())[-1]), PROTOCOL_TITLES[protocol]
        layout = RowLayout(notes=64, gap=14, tick_format="{:g}".format)
        svg = row_plot(_order_rows(models, unranked), metric_name(metric), f"order {protocol}", layout)
        panels.append(Panel(f"{title}, {metric_name(metric)}", svg))
        tables += [
            _metric_table(results, protocol, [style for style, _ in models], metrics),
            _decision_table(rankings, title, metric),
        ]
        texts.append(_describe_decision(rankings, title, metric))
    if not panels:
        return None
    return ReportSection(
        title="Ranker and retrieval order",
        caption=(
            f"{' '.join(texts)} Ranked and blended lists have the same candidates; below are the best baselines. "
            "One line per week with its 95 % interval, the earliest at the top; numbers are medians."
        ),
        panels=tuple(panels),
        tables=tuple(tables),
        keys=(Key(INK, "retrieval order in that week", hollow=True),) if any_unranked else (),
    )


def ranker_details(results: Results) -> ReportSection | None:
    """Plot importances and calibration of the last ranker on each protocol; None without rankers."""
    panels, tables, weeks, empty_bins = [], [], [], False
    for protocol in protocols_of(results):
        trained = [item for item in _rankings(results, protocol).items() if item[1]["reliability"]]
        if trained:
            (cut_date, ranking), title = trained[-1], PROTOCOL_TITLES[protocol]
            importances, bins = ranking["importances"], ranking["reliability"]
            weeks.append(f"{title}: ranker for the cut {cut_date}{'' if ranking['ranked'] else ', not used'}.")
            panels += [
                Panel(f"{title}: permutation importance", _importance_plot(importances, f"importances {protocol}")),
                Panel(f"{title}: reliability diagram", _reliability_plot(bins, f"reliability {protocol}")),
            ]
            tables += [_importance_table(importances, title), _bin_table(bins, title)]
            empty_bins = empty_bins or any(each["observed"] == 0 for each in bins)
    if not panels:
        return None
    return ReportSection(
        title="Ranker: feature importance and calibration",
        caption=(
            f"{' '.join(weeks)} Measured on the week before the cut, which the ranker was not trained on. Permutation "
            "importance: fall of NDCG@12 if the values of one feature are permuted among the candidates; correlated "
            "features hide each other. Reliability diagram: candidates in bins of equal size by predicted probability "
            "of a purchase; on the diagonal the predictions are calibrated."
        ),
        panels=tuple(panels),
        tables=tuple(tables),
        keys=(Key(SERIES[0], "no candidate of the bin was purchased", hollow=True),) if empty_bins else (),
    )


def _rankings(results: Results, protocol: Protocol) -> dict[str, RankingResult]:
    """Return the ranking results on a protocol by cut date, without windows that have none."""
    found = [(window["cut_date"], window.get("rankings", {}).get(protocol)) for window in results["windows"]]
    return {cut_date: ranking for cut_date, ranking in found if ranking is not None}


def _shown_models(results: Results, protocol: Protocol, metric: str, last: RankingResult) -> list[_ModelEstimates]:
    """Return the final order, retrieval order, and the baselines with the highest medians."""
    styles = {style.name: style for style in model_styles(results)}

    def estimates_of(name: str) -> dict[str, Estimate]:
        models = {window["cut_date"]: window["models"][name][protocol] for window in results["windows"]}
        return {cut_date: estimates[metric] for cut_date, estimates in models.items() if estimates}

    baselines = [style.name for style in styles.values() if style.role == "baseline"]
    baselines.sort(key=lambda name: -results["medians"][name][protocol][metric])
    names = (last["ranked_model"], last["retrieved_model"], *baselines[:_BASELINES])
    return [(styles[name], estimates_of(name)) for name in names]


def _order_rows(models: Sequence[_ModelEstimates], unranked: set[str]) -> list[Row]:
    """Return a row for each model; marks of the first are hollow in weeks with retrieval order."""
    rows = []
    for number, (style, estimates) in enumerate(models):
        marks = tuple(
            interval_mark(estimate, style.colour, hollow=number == 0 and cut_date in unranked)
            for cut_date, estimate in estimates.items()
        )
        rows.append(Row(style.label, marks, _median(estimates), bold=style.role == "model"))
    return rows


def _median(estimates: Mapping[str, Estimate]) -> str:
    return decimals(float(np.median([mean for mean, _, _ in estimates.values()])))


def _describe_decision(rankings: Mapping[str, RankingResult], title: str, metric: str) -> str:
    """Return in how many weeks the ranker is used and how that changes the metric, or why it is never used."""
    ranked = [ranking for ranking in rankings.values() if ranking["ranked"]]
    weeks = counted(len(rankings), "week")
    if not ranked:
        return f"{title}: ranker used in 0 of {weeks}. {plain(list(rankings.values())[-1]['reason'])}"
    text = f"{title}: ranker used in {len(ranked)} of {weeks}"
    changes = [each["test"][metric]["difference"] for each in ranked if metric in each["test"]]
    if not changes:
        return f"{text}."
    median = np.median([mean for mean, _, _ in changes])
    return f"{text}, change of {metric_name(metric)} {median:+.4f} (median), {significance(changes)}."


def _metric_table(results: Results, protocol: Protocol, styles: Sequence[ModelStyle], metrics: Sequence[str]) -> Table:
    rows = tuple(
        (style.label, window["cut_date"], *(with_interval(estimates[each], decimals) for each in metrics))
        for style in styles
        for window in results["windows"]
        if (estimates := window["models"][style.name][protocol])
    )
    header = (f"{PROTOCOL_TITLES[protocol]}: model", "week", *(metric_name(each) for each in metrics))
    return Table(header, rows, text_columns=2)


def _decision_table(rankings: Mapping[str, RankingResult], title: str, metric: str) -> Table:
    """Return a row for each week: the validation before the cut, and the change after it."""
    name = metric_name(_VALIDATION_METRIC)
    header = (
        f"{title}: week", "order", "validation users",
        *(f"{name} {each}" for each in ("retrieval", "ranker", "difference")),
        f"after the cut: {metric_name(metric)}", "ratio",
    )  # fmt: skip
    rows = []
    for cut_date, ranking in rankings.items():
        validation, test = ranking["validation"].get(_VALIDATION_METRIC), ranking["test"].get(metric)
        rows.append(
            (
                cut_date,
                "ranker" if ranking["ranked"] else "retrieval",
                f"{ranking['validation_users']:,}",
                *(
                    with_interval(validation[each], decimals) if validation else NO_VALUE
                    for each in ("retrieval", "ranker")
                ),
                with_interval(validation["difference"], signed) if validation else NO_VALUE,
                with_interval(test["difference"], signed) if test else NO_VALUE,
                with_interval(test["ratio"], ratio) if test else NO_VALUE,
            )
        )
    return Table(header, tuple(rows), text_columns=2)


def _importance_plot(importances: Sequence[ImportanceRow], name: str) -> str:
    blue = SERIES[0]
    rows = [
        Row(_feature(each["feature"]), (Mark(blue, bars=(Bar(each["ndcg_drop"], blue),)),), f"{each['ndcg_drop']:z.4f}")
        for each in importances
    ]
    layout = RowLayout(names=304, characters=48, notes=64, step=18, gap=4, ticks=3, tick_format="{:g}".format)
    return row_plot(rows, "fall of NDCG@12", name, layout)


def _reliability_plot(bins: Sequence[ReliabilityRow], name: str) -> str:
    """Plot observed against predicted shares on logarithmic axes; bins without purchases are hollow at the edge."""
    shares = [share for each in bins for share in (each["predicted"], each["observed"]) if share > 0]
    low, high = min(shares) / _MARGIN, min(max(shares) * _MARGIN, 1.0)
    ticks = (1.0, 3.0) if high / low < _WIDE_RANGE else (1.0,)
    points = [(each["predicted"], each["observed"]) for each in bins if each["observed"] > 0]
    empty = [(each["predicted"], low) for each in bins if each["observed"] == 0 and each["predicted"] > 0]

    def draw(axes: Axes) -> None:
        blue = SERIES[0].light
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.plot([low, high], [low, high], color=SOFT.light, linewidth=1, dashes=(4, 3), zorder=2)
        if points:
            axes.plot(*zip(*points, strict=True), "-o", color=blue, markersize=7, markeredgecolor=CARD.light, zorder=3)
        for x, y in empty:
            axes.plot([x], [y], "o", color=blue, markersize=7, markerfacecolor=CARD.light, clip_on=False, zorder=4)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.tick_params(which="both", length=0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=ticks))
            axis.set_major_formatter(lambda value, _: tick(value))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("observed share")

    return draw_svg(draw, name, (WIDTH, _HEIGHT), (76, 24, 50, 8))


def _importance_table(rows: Sequence[ImportanceRow], title: str) -> Table:
    body = tuple((_feature(each["feature"]), f"{each['ndcg_drop']:+.5f}") for each in rows)
    return Table((f"{title}: feature", "fall of NDCG@12"), body)


def _bin_table(bins: Sequence[ReliabilityRow], title: str) -> Table:
    rows = tuple(
        (f"{number}", _share(each["predicted"]), _share(each["observed"]), f"{each['count']:,}")
        for number, each in enumerate(bins, 1)
    )
    return Table((f"{title}: bin", "predicted", "observed", "candidates"), rows)


def _share(share: float) -> str:
    """Return a share in percent with three significant digits; it may be far below one percent."""
    return tick(float(f"{share:.3g}"))


def _feature(name: str) -> str:
    return plain(name.replace("_", " "))
