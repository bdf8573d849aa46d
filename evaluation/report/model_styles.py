"""The models of an evaluation as a reader meets them: what part each plays, and how its line looks."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import plain
from evaluation.report.palette import BASELINE, OTHER, SERIES, Colour
from evaluation.results import Protocol, Results
from evaluation.summaries import compared_models

Role: TypeAlias = Literal["ours", "baseline", "other"]
ROLES: Final[dict[Role, str]] = {"ours": "Models", "baseline": "Simple lists", "other": "Single sources and others"}

_DASHES: Final = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (9, 3))
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class ModelStyle:
    """One model.

    Attributes:
        name: As in the results.
        label: The name as one plain line.
        role: "ours" if it is compared with others, "baseline" if it is only compared with, otherwise "other".
        colour: Its own colour for ours, grey for the rest.
        dashes: Of its line, on and off in points; none for a solid line.
        marker: Of its points, in matplotlib's letters.
    """

    name: str
    label: str
    role: Role
    colour: Colour
    dashes: tuple[float, ...]
    marker: str


def contenders_of(results: Results) -> tuple[ModelStyle, ...]:
    """Return all models: ours, then the baselines, then the others, each as in the results."""
    compared = compared_models(results["windows"])
    against = {baseline for baselines in compared.values() for baseline in baselines}
    names: dict[Role, list[str]] = {
        "ours": list(compared),
        "baseline": [name for name in results["medians"] if name in against and name not in compared],
        "other": [name for name in results["medians"] if name not in against and name not in compared],
    }
    return tuple(_contender(name, role, place) for role, those in names.items() for place, name in enumerate(those))


def best_baseline(results: Results, protocol: Protocol) -> str | None:
    """Return the baseline with the highest median recall, the first of equal ones; None if there is none."""
    measure = f"recall@{primary_cutoff(results['cutoffs'])}"
    found = {
        contender.name: results["medians"][contender.name][protocol].get(measure)
        for contender in contenders_of(results)
        if contender.role == "baseline"
    }
    judged = {name: recall for name, recall in found.items() if recall is not None}
    return max(judged, key=judged.__getitem__) if judged else None


def _contender(name: str, role: Role, place: int) -> ModelStyle:
    marker, dashes = _MARKERS[place % len(_MARKERS)], _DASHES[place % len(_DASHES)]
    if role == "ours":
        return ModelStyle(name, plain(name), role, SERIES[place % len(SERIES)], (), marker)
    return ModelStyle(name, plain(name), role, BASELINE if role == "baseline" else OTHER, dashes, marker)
