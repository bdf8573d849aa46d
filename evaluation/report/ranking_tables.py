"""The numbers beneath the plot of the candidates' order: what each order is worth, and what was decided on."""

from collections.abc import Mapping, Sequence
from typing import Final

from evaluation.bootstrap import Estimate
from evaluation.report.formatting import NO_VALUE, decimals, measure_name, times
from evaluation.report.model_styles import ModelStyle
from evaluation.report.recall_plots import PROTOCOL_TITLES
from evaluation.report.report_section import Table
from evaluation.results import Comparison, Protocol, RankingResult, Results

_DECIDED_BY: Final = "ndcg@12"  # by which it is decided, whatever the catalogue


def rankings_by_cut(results: Results, protocol: Protocol) -> dict[str, RankingResult]:
    """Return what each cut tells of a learned order on a protocol, by the cut's date; empty if none does."""
    told = [(cut["cut_date"], cut.get("rankings", {}).get(protocol)) for cut in results["windows"]]
    return {cut: ranking for cut, ranking in told if ranking is not None}


def order_table(
    results: Results, protocol: Protocol, contenders: Sequence[ModelStyle], measures: Sequence[str]
) -> Table:
    """Return a row for each model and week with users: measures with their intervals."""
    rows = [
        (
            contender.label,
            cut["cut_date"],
            *(_shown(cut["models"][contender.name][protocol][each]) for each in measures),
        )
        for contender in contenders
        for cut in results["windows"]
        if cut["models"][contender.name][protocol]
    ]
    return Table(
        (f"{PROTOCOL_TITLES[protocol]}: order", "week", *(measure_name(each) for each in measures)),
        tuple(rows),
        words=2,
    )


def decision_table(rankings: Mapping[str, RankingResult], title: str, measure: str) -> Table:
    """Return a row for each week: what the ranker was worth in the one before the cut, and in this one."""
    header = (
        f"{title}: week",
        "ordered by",
        "users of the week before",
        *(f"{measure_name(_DECIDED_BY)} {each}" for each in ("by retrieval", "by the ranker", "difference")),
        f"after the cut: {measure_name(measure)}",
        "ratio",
    )
    rows = [
        (
            cut,
            "the ranker" if ranking["ranked"] else "retrieval",
            f"{ranking['validation_users']:,}",
            *_before_cut(ranking["validation"].get(_DECIDED_BY, {})),
            *_after(ranking["test"].get(measure)),
        )
        for cut, ranking in rankings.items()
    ]
    return Table(header, tuple(rows), words=2)


def _before_cut(estimates: Mapping[str, Estimate]) -> tuple[str, str, str]:
    if not estimates:
        return NO_VALUE, NO_VALUE, NO_VALUE
    return _shown(estimates["retrieval"]), _shown(estimates["ranker"]), _signed(estimates["difference"])


def _after(comparison: Comparison | None) -> tuple[str, str]:
    if comparison is None:
        return NO_VALUE, NO_VALUE
    ratio = comparison["ratio"]
    written = f"{times(ratio[0])} ({times(ratio[1])} to {times(ratio[2])})" if ratio else NO_VALUE
    return _signed(comparison["difference"]), written


def _shown(estimate: Estimate) -> str:
    mean, low, high = estimate
    return f"{decimals(mean)} ({decimals(low)} to {decimals(high)})"


def _signed(difference: Estimate) -> str:
    mean, low, high = difference
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
