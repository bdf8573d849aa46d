"""What several cuts say together: medians over cuts."""

from collections.abc import Sequence

import numpy as np

from evaluation.metrics import primary_cutoff
from evaluation.results import (
    FORMAT,
    PROTOCOLS,
    Medians,
    Protocol,
    Ratios,
    RatiosToBest,
    Results,
    RunInfo,
    WindowResult,
)


def combine_windows(run: RunInfo, cutoffs: Sequence[int], cuts: list[WindowResult]) -> Results:
    """Put cuts together and add what they say together.

    Args:
        run: Where the results come from.
        cutoffs: Those of the measures, ascending.
        cuts: In the order of time, at least one, all about the same models.

    Raises:
        ValueError: There is no cut, or the cuts are about different models.
    """
    if not cuts:
        raise ValueError("Results need at least one cut.")
    models = list(cuts[0]["models"])
    for cut in cuts:
        if set(cut["models"]) != set(models):
            raise ValueError(
                f"All cuts must be about the same models: {cuts[0]['cut_date']} has {', '.join(models)}, and "
                f"{cut['cut_date']} has {', '.join(cut['models'])}."
            )
    measure, compared = f"recall@{primary_cutoff(cutoffs)}", compared_models(cuts)
    return {
        "format": FORMAT,
        "run": run,
        "cutoffs": list(cutoffs),
        "windows": cuts,
        "medians": {model: _medians(cuts, model) for model in models},
        "ratios": {
            model: {baseline: _ratios(cuts, model, baseline, measure) for baseline in baselines}
            for model, baselines in compared.items()
        },
        "ratios_to_best": {model: _ratios_to_best(cuts, model) for model in compared},
    }


def compared_models(cuts: Sequence[WindowResult]) -> dict[str, list[str]]:
    """Return the baselines that each compared model is compared with at any cut, in the order of the results."""
    together: dict[str, dict[str, None]] = {}
    for cut in cuts:
        for model, baselines in cut["comparisons"].items():
            together.setdefault(model, {}).update(dict.fromkeys(baselines))
    return {model: list(baselines) for model, baselines in together.items()}


def cold_users_of(cuts: Sequence[WindowResult]) -> tuple[int, float] | None:
    """Return how many users had never bought before their cut, and their mean recall, all cuts together.

    Returns:
        None if there were none, or nobody counted them.
    """
    told = [cut["cold_users"] for cut in cuts if "cold_users" in cut]
    found = [(cold["users"], cold["recall"][0]) for cold in told if cold["recall"]]
    users = sum(number for number, _ in found)
    return (users, sum(number * recall for number, recall in found) / users) if users else None


def median_ratio(
    cuts: Sequence[WindowResult], model: str, baseline: str, protocol: Protocol, measure: str
) -> float | None:
    """Return the median over cuts of model over baseline.

    Cuts at which the protocol has no users are passed over.

    Returns:
        None if there is no other cut, or the baseline found nothing at one.
    """
    pairs = [
        (cut["models"][model][protocol][measure][0], cut["models"][baseline][protocol][measure][0])
        for cut in cuts
        if cut["models"][model][protocol]
    ]
    if not pairs or any(below == 0 for _, below in pairs):
        return None
    return float(np.median([above / below for above, below in pairs]))


def ratios_to_best(cuts: Sequence[WindowResult], model: str, protocol: Protocol, measure: str) -> list[float]:
    """Return at each cut the model over the simple list that was the best in that very week.

    That is a harder rival than any one list, which is good in some weeks and not in others. Simple lists are those that
    models are compared with and that are not compared themselves. Cuts at which the protocol has no users are passed
    over.

    Returns:
        In the order of the cuts; empty if there is no other cut or no simple list, or if the best found nothing at one.
    """
    compared = compared_models(cuts)
    simple = {baseline for baselines in compared.values() for baseline in baselines} - set(compared)
    judged = [cut["models"] for cut in cuts if cut["models"][model][protocol]]
    best = [max((models[name][protocol][measure][0] for name in simple), default=0.0) for models in judged]
    if 0 in best:
        return []
    return [models[model][protocol][measure][0] / below for models, below in zip(judged, best, strict=True)]


def _ratios_to_best(cuts: Sequence[WindowResult], model: str) -> RatiosToBest:
    """Return the ratios of every measure by which this model was compared at any cut."""
    ratios: RatiosToBest = {"all": {}, "new": {}}
    for protocol in PROTOCOLS:
        compared = [each[protocol] for cut in cuts for each in cut["comparisons"].get(model, {}).values()]
        for measure in dict.fromkeys(measure for measures in compared for measure in measures):
            found = ratios_to_best(cuts, model, protocol, measure)
            if found:
                ratios[protocol][measure] = {
                    "median": float(np.median(found)),
                    "min": min(found),
                    "max": max(found),
                }
    return ratios


def _ratios(cuts: Sequence[WindowResult], model: str, baseline: str, measure: str) -> Ratios:
    return {
        "all": median_ratio(cuts, model, baseline, "all", measure),
        "new": median_ratio(cuts, model, baseline, "new", measure),
    }


def _medians(cuts: Sequence[WindowResult], model: str) -> Medians:
    medians: Medians = {"all": {}, "new": {}}
    for protocol in PROTOCOLS:
        judged = [cut["models"][model][protocol] for cut in cuts if cut["models"][model][protocol]]
        medians[protocol] = {
            measure: float(np.median([estimates[measure][0] for estimates in judged]))
            for measure in (judged[0] if judged else {})
        }
    return medians
