"""The one sentence that a reader takes away, drawn from the numbers whichever way they point."""

from dataclasses import dataclass
from typing import Final

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import counted, percent, shortened, times
from evaluation.report.model_styles import best_baseline
from evaluation.results import Protocol, Results
from evaluation.summaries import compared_models, median_ratio

_NAME: Final = 60  # letters


@dataclass(frozen=True)
class Verdict:
    """The model that the page is about beside the best simple list, on one protocol.

    Attributes:
        model: Its name: the first of the compared ones, or the best of all if none is compared.
        k: The number of candidates.
        recall: Median over cuts.
        baseline: Name of the baseline with the highest median recall; None without baselines.
        baseline_recall: Its median recall.
        ratio: Median over cuts of the ratio of the two; None where it has no value.
        ahead, behind, close: At how many cuts the paired interval of the difference lies above 0, below, or around it.
    """

    model: str
    k: int
    recall: float
    baseline: str | None = None
    baseline_recall: float | None = None
    ratio: float | None = None
    ahead: int = 0
    behind: int = 0
    close: int = 0


def verdict_of(results: Results, protocol: Protocol) -> Verdict | None:
    """Return the verdict on one protocol, or None if the protocol had no users."""
    k = primary_cutoff(results["cutoffs"])
    measure = f"recall@{k}"
    recalls = {name: medians[protocol][measure] for name, medians in results["medians"].items() if medians[protocol]}
    if not recalls:
        return None
    model = next(iter(compared_models(results["windows"])), max(recalls, key=recalls.__getitem__))
    baseline = best_baseline(results, protocol)
    if baseline is None:
        return Verdict(model, k, recalls[model])
    ends = [
        cut["comparisons"][model][baseline][protocol][measure]["difference"][1:]
        for cut in results["windows"]
        if measure in cut["comparisons"].get(model, {}).get(baseline, {"all": {}, "new": {}})[protocol]
    ]
    ahead, behind = sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends)
    return Verdict(
        model=model,
        k=k,
        recall=recalls[model],
        baseline=baseline,
        baseline_recall=recalls[baseline],
        ratio=median_ratio(results["windows"], model, baseline, protocol, measure),
        ahead=ahead,
        behind=behind,
        close=len(ends) - ahead - behind,
    )


def headline(verdict: Verdict, bought: str) -> str:
    """Say the verdict in a sentence or two.

    Args:
        verdict: Of one protocol.
        bought: What the shares are of, for example "what people bought in the next 7 days".
    """
    model = shortened(verdict.model, _NAME)
    said = f"“{model}” found {percent(verdict.recall)} of {bought} among {verdict.k:,} candidates"
    if verdict.baseline is None or verdict.baseline_recall is None:
        return f"{said}."
    best = f"the best simple list, “{shortened(verdict.baseline, _NAME)}” ({percent(verdict.baseline_recall)})"
    if verdict.ratio is None:
        return f"{said}, beside {best}.{_weeks(verdict)}"
    return f"{said}: {times(verdict.ratio)} times as much as {best}.{_weeks(verdict)}"


def _weeks(verdict: Verdict) -> str:
    """Say in how many weeks the difference was beyond chance: " It was clearly ahead in 4 of 4 weeks."."""
    numbers = {"clearly ahead": verdict.ahead, "clearly behind": verdict.behind, "too close to call": verdict.close}
    first, *others = [(word, number) for word, number in numbers.items() if number] or [("", 0)]
    if not first[0]:
        return ""
    weeks = counted(sum(numbers.values()), "week")
    return f" It was {first[0]} in {first[1]} of {weeks}" + "".join(f", {word} in {n}" for word, n in others) + "."
