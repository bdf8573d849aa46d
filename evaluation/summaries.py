"""What several cuts say together: medians over cuts."""

from collections.abc import Sequence

import numpy as np

from evaluation.measures import judged_at
from evaluation.results import FORMAT, PROTOCOLS, CutResult, Made, Medians, Protocol, Ratios, Results


def results_of(made: Made, cutoffs: Sequence[int], cuts: list[CutResult]) -> Results:
    """Put cuts together and add what they say together.

    Args:
        made: Where the results come from.
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
                f"All cuts must be about the same models: {cuts[0]['cut']} has {', '.join(models)}, and "
                f"{cut['cut']} has {', '.join(cut['models'])}."
            )
    measure = f"recall@{judged_at(cutoffs)}"
    return {
        "format": FORMAT,
        "made": made,
        "cutoffs": list(cutoffs),
        "cuts": cuts,
        "medians": {model: _medians(cuts, model) for model in models},
        "ratios": {
            model: {baseline: _ratios(cuts, model, baseline, measure) for baseline in baselines}
            for model, baselines in compared_models(cuts).items()
        },
    }


def compared_models(cuts: Sequence[CutResult]) -> dict[str, list[str]]:
    """Return the baselines that each compared model is compared with at any cut, in the order of the results."""
    together: dict[str, dict[str, None]] = {}
    for cut in cuts:
        for model, baselines in cut["differences"].items():
            together.setdefault(model, {}).update(dict.fromkeys(baselines))
    return {model: list(baselines) for model, baselines in together.items()}


def cold_users_of(cuts: Sequence[CutResult]) -> tuple[int, float] | None:
    """Return how many users had never bought before their cut, and their mean recall, all cuts together.

    Returns:
        None if there were none, or nobody counted them.
    """
    told = [cut["cold_users"] for cut in cuts if "cold_users" in cut]
    found = [(cold["users"], cold["recall"][0]) for cold in told if cold["recall"]]
    users = sum(number for number, _ in found)
    return (users, sum(number * recall for number, recall in found) / users) if users else None


def median_ratio(
    cuts: Sequence[CutResult], model: str, baseline: str, protocol: Protocol, measure: str
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


def _ratios(cuts: Sequence[CutResult], model: str, baseline: str, measure: str) -> Ratios:
    return {
        "all": median_ratio(cuts, model, baseline, "all", measure),
        "new": median_ratio(cuts, model, baseline, "new", measure),
    }


def _medians(cuts: Sequence[CutResult], model: str) -> Medians:
    medians: Medians = {"all": {}, "new": {}}
    for protocol in PROTOCOLS:
        judged = [cut["models"][model][protocol] for cut in cuts if cut["models"][model][protocol]]
        medians[protocol] = {
            measure: float(np.median([estimates[measure][0] for estimates in judged]))
            for measure in (judged[0] if judged else {})
        }
    return medians
