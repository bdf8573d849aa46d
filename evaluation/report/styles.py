"""Colours of the report, and the role and line style of each model."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import plain
from evaluation.results import Protocol, Results
from evaluation.summaries import compared_models


@dataclass(frozen=True)
class Colour:
    """One colour with a name, as "#rrggbb" in lower case.

    Drawings use the light value. On the page it becomes the CSS variable of this name, with the dark value for readers
    who prefer dark.
    """

    name: str
    light: str
    dark: str


INK: Final = Colour("ink", "#1b1f24", "#e8eaed")
SOFT: Final = Colour("soft", "#57606a", "#a5b0bb")
GRID: Final = Colour("grid", "#dfe3e8", "#333a42")
CARD: Final = Colour("card", "#ffffff", "#161b22")
BASELINE: Final = Colour("baseline", "#6e7781", "#9aa4af")
OTHER: Final = Colour("other", "#a3abb4", "#737d88")

# The colours of Okabe and Ito, "Color Universal Design" (2008), distinguishable for the colour-blind, darkened for the
# light background and lightened for the dark one until lines and white (dark) text on them have a contrast of 3 : 1.
# The others, for plots with more candidate sources, are from Paul Tol's "muted" scheme.
SERIES: Final = (
    Colour("blue", "#0072b2", "#56b4e9"),
    Colour("vermillion", "#c85200", "#ff9248"),
    Colour("green", "#00805d", "#3ccf9f"),
    Colour("purple", "#b0568a", "#e6a3c8"),
    Colour("orange", "#b87700", "#f0b429"),
    Colour("sky", "#2f8fc4", "#a6dcfa"),
    Colour("yellow", "#8c8200", "#f0e442"),
    Colour("wine", "#882255", "#d6709f"),
    Colour("indigo", "#332288", "#a79bf2"),
    Colour("teal", "#2d8f80", "#7fdccd"),
    Colour("brown", "#661100", "#d18a6c"),
    Colour("olive", "#6b7a1f", "#b9cc5a"),
)
COLOURS: Final = (INK, SOFT, GRID, CARD, BASELINE, OTHER, *SERIES)

Role: TypeAlias = Literal["model", "baseline", "other"]
ROLES: Final[dict[Role, str]] = {"model": "Two towers, blended, ranked", "baseline": "Baselines", "other": "Others"}

_DASHES: Final = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (9, 3))
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class ModelStyle:
    """Role and line style of one model.

    Attributes:
        name: As in the results.
        label: The name as one line of visible characters.
        role: "model" if it is compared with baselines, "baseline" if it is only compared with, otherwise "other".
        colour: One of `SERIES` for models, grey for the rest.
        dashes: Of its line, on and off in points; empty for a solid line.
        marker: In matplotlib's notation.
    """

    name: str
    label: str
    role: Role
    colour: Colour
    dashes: tuple[float, ...]
    marker: str


def model_styles(results: Results) -> tuple[ModelStyle, ...]:
    """Return the styles of all models: compared models, baselines, others, each in the order of the results."""
    compared = compared_models(results["windows"])
    compared_with = {baseline for baselines in compared.values() for baseline in baselines}
    names: dict[Role, list[str]] = {
        "model": list(compared),
        "baseline": [name for name in results["medians"] if name in compared_with and name not in compared],
        "other": [name for name in results["medians"] if name not in compared_with and name not in compared],
    }
    return tuple(_style(name, role, number) for role, group in names.items() for number, name in enumerate(group))


def best_baseline(results: Results, protocol: Protocol) -> str | None:
    """Return the baseline with the highest median recall, the first of equal ones; None if there is none."""
    metric = f"recall@{primary_cutoff(results['cutoffs'])}"
    recalls = {
        style.name: results["medians"][style.name][protocol][metric]
        for style in model_styles(results)
        if style.role == "baseline" and results["medians"][style.name][protocol]
    }
    return max(recalls, key=recalls.__getitem__) if recalls else None


def _style(name: str, role: Role, number: int) -> ModelStyle:
    marker, dashes = _MARKERS[number % len(_MARKERS)], _DASHES[number % len(_DASHES)]
    if role == "model":
        return ModelStyle(name, plain(name), role, SERIES[number % len(SERIES)], (), marker)
    return ModelStyle(name, plain(name), role, BASELINE if role == "baseline" else OTHER, dashes, marker)
