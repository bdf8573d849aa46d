"""A panel of lines, each named at its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from evaluation.report.drawing import drawn
from evaluation.report.formatting import decimals, percent, shortened, tick
from evaluation.report.label_spacing import spread
from evaluation.report.model_styles import Role
from evaluation.report.palette import CARD, INK, SOFT, Colour

WIDTH: Final = 520
_LABELS: Final = 216  # pixels at the right for names
_LINE: Final = 15.5  # pixels from one name to the next
_NAME: Final = 22  # letters of a name; bold ones are wider
_BOLD_NAME: Final = 19


@dataclass(frozen=True)
class Measure:
    """What the lines show.

    Attributes:
        written: How a value is written beside a name.
        ticked: How it is written at the axis.
        from_zero: Whether the axis begins at zero.
    """

    written: Callable[[float], str]
    ticked: Callable[[float], str]
    from_zero: bool


SHARE: Final = Measure(percent, tick, from_zero=True)
LOSS: Final = Measure(decimals, "{:g}".format, from_zero=False)


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        label: Its name.
        role: "ours" is drawn in front and in bold letters.
        colour: Of line and band.
        dashes: On and off in points; none for a solid line.
        marker: In matplotlib's letters.
        values: One for each tick; None leaves a gap.
        bands: Lower and upper ends for each tick, or none.
    """

    label: str
    role: Role
    colour: Colour
    dashes: tuple[float, ...]
    marker: str
    values: tuple[float | None, ...]
    bands: tuple[tuple[float, float], ...] = ()


def line_panel(
    lines: Sequence[Line],
    places: Sequence[float],
    ticks: Sequence[str],
    x_label: str,
    salt: str,
    measure: Measure = SHARE,
) -> str:
    """Draw lines over common ticks, the names spread out at the right without overlap.

    Args:
        lines: At least one with a value.
        places: Where each tick lies.
        ticks: What is written there; an empty text for nothing.
        x_label: What the ticks are.
        salt: As in `drawn`.
        measure: What the lines show.

    Returns:
        An `<svg>` element.
    """
    known = [line for line in lines if any(value is not None for value in line.values)]
    height = max(330, int(_LINE * len(known)) + 90)

    def draw(axes: Axes) -> None:
        for line in sorted(known, key=lambda line: ("other", "baseline", "ours").index(line.role)):
            _draw_line(axes, line, places)
        axes.set_xticks(list(places), list(ticks))
        axes.set_xlabel(x_label)
        axes.set_xlim(min(places) - _margin(places), max(places) + _margin(places))
        axes.grid(visible=False, axis="x")
        axes.tick_params(length=0)
        axes.yaxis.set_major_formatter(lambda value, _: measure.ticked(value))
        axes.locator_params(axis="y", nbins=6)
        if measure.from_zero:
            axes.set_ylim(bottom=0)
        _name_ends(axes, known, places, measure.written)

    return drawn(draw, salt, (WIDTH, height), (54, _LABELS, 50, 14))


def _margin(places: Sequence[float]) -> float:
    return 0.06 * (max(places) - min(places)) or 0.5


def _draw_line(axes: Axes, line: Line, places: Sequence[float]) -> None:
    ours = line.role == "ours"
    colour = line.colour.light
    values = [np.nan if value is None else value for value in line.values]
    if line.bands:
        lows, highs = zip(*line.bands, strict=True)
        axes.fill_between(places, lows, highs, color=colour, alpha=0.18 if ours else 0.08, linewidth=0, zorder=2)
    axes.plot(
        places,
        values,
        linewidth=2.4 if ours else 1.3,
        dashes=line.dashes or (None, None),
        marker=line.marker,
        markersize=6 if ours else 4.5,
        color=colour,
        zorder=4 if ours else 3,
        markeredgecolor=CARD.light if ours else colour,
        markeredgewidth=0.8,
        dash_capstyle="butt",
    )


def _name_ends(axes: Axes, lines: Sequence[Line], places: Sequence[float], written: Callable[[float], str]) -> None:
    """Write each line's name and last value at the right, joined to its end by a thin line."""
    box = axes.get_window_extent()
    ends = [
        next((place, value) for place, value in zip(places[::-1], line.values[::-1], strict=True) if value is not None)
        for line in lines
    ]
    pixels = [axes.transData.transform(end) for end in ends]
    heights = spread([float(y) for _, y in pixels], _LINE, box.y0, box.y1)
    for line, (_, value), (x, y), height in zip(lines, ends, pixels, heights, strict=True):
        ours = line.role == "ours"
        axes.annotate(
            "",
            (float(x) + 5, float(y)),
            (box.x1 + 16, height),
            xycoords="figure pixels",
            textcoords="figure pixels",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": line.colour.light,
                "linewidth": 0.7,
                "shrinkA": 0,
                "shrinkB": 0,
                "alpha": 0.7,
            },
        )
        axes.annotate(
            f"{written(value)} {shortened(line.label, _BOLD_NAME if ours else _NAME)}",
            (box.x1 + 19, height),
            xycoords="figure pixels",
            annotation_clip=False,
            verticalalignment="center_baseline",
            color=INK.light if ours else SOFT.light,
            weight="bold" if ours else "normal",
        )
