"""The two kinds of plots: lines over common ticks, and rows of marks beside their names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from evaluation.bootstrap import Estimate
from evaluation.report.drawing import draw_svg
from evaluation.report.formatting import percent, shortened, tick
from evaluation.report.styles import CARD, INK, SOFT, Colour, ModelStyle

WIDTH: Final = 520  # pixels
_LEGEND: Final = 222
_LEGEND_NAME: Final = {True: 18, False: 21}  # characters of bold and of other names
_LINE: Final = 17  # pixels from one legend entry to the next
_HEADING: Final = 24
_MIN_BAR_TEXT: Final = 0.09  # share of the axis below which a bar has no room for text


@dataclass(frozen=True)
class Line:
    """One line of a line plot.

    Attributes:
        style: Name, colour and line style; models are emphasized.
        values: One for each tick; None leaves a gap.
        bands: Lower and upper end for each tick, or empty.
    """

    style: ModelStyle
    values: tuple[float | None, ...]
    bands: tuple[tuple[float, float], ...] = ()

    @property
    def last(self) -> float:
        """The last value; at least one is needed."""
        return [value for value in self.values if value is not None][-1]


def line_plot(
    lines: Sequence[Line],
    ticks: Mapping[Any, str],
    x_label: str,
    name: str,
    *,
    value_format: Callable[[float], str] = percent,
    tick_format: Callable[[float], str] = tick,
    from_zero: bool = True,
) -> str:
    """Plot lines with a legend of their last values, in descending order.

    Args:
        lines: At least one with a value; others are left out.
        ticks: Positions and labels; an empty label draws no text.
        x_label: Label of the x axis.
        name: As in `draw_svg`.
        value_format: Of values in the legend.
        tick_format: Of values on the y axis.
        from_zero: Whether the y axis starts at zero.
    """
    drawn = sorted((line for line in lines if set(line.values) != {None}), key=lambda line: -line.last)
    positions = list(ticks)
    margin = 0.06 * (max(positions) - min(positions)) or 0.5

    def draw(axes: Axes) -> None:
        for line in drawn:
            _draw_line(
                axes,
                line,
                positions,
                f"{value_format(line.last)} {shortened(line.style.label, _LEGEND_NAME[line.style.role == 'model'])}",
            )
        axes.set_xticks(positions, list(ticks.values()))
        axes.set_xlabel(x_label)
        axes.set_xlim(min(positions) - margin, max(positions) + margin)
        axes.grid(visible=False, axis="x")
        axes.tick_params(length=0)
        axes.yaxis.set_major_formatter(lambda value, _: tick_format(value))
        axes.locator_params(axis="y", nbins=6)
        if from_zero:
            axes.set_ylim(bottom=0)
        legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=11, handlelength=2)
        for text, line in zip(legend.get_texts(), drawn, strict=True):
            emphasized = line.style.role == "model"
            text.set(weight="bold" if emphasized else "normal", color=INK.light if emphasized else SOFT.light)

    return draw_svg(draw, name, (WIDTH, max(330, _LINE * len(drawn) + 90)), (54, _LEGEND, 50, 14))


def _draw_line(axes: Axes, line: Line, positions: Sequence[float], label: str) -> None:
    emphasized, colour = line.style.role == "model", line.style.colour.light
    if line.bands:
        lows, highs = zip(*line.bands, strict=True)
        alpha = 0.18 if emphasized else 0.08
        axes.fill_between(positions, lows, highs, color=colour, alpha=alpha, linewidth=0, zorder=2)
    axes.plot(
        positions,
        [np.nan if value is None else value for value in line.values],
        label=label,
        linewidth=2.4 if emphasized else 1.3,
        dashes=line.style.dashes or (None, None),
        marker=line.style.marker,
        markersize=6 if emphasized else 4.5,
        color=colour,
        zorder={"model": 5, "baseline": 4, "other": 3}[line.style.role],
        markeredgecolor=CARD.light if emphasized else colour,
        markeredgewidth=0.8,
        dash_capstyle="butt",
    )


@dataclass(frozen=True)
class Bar:
    """A bar from `left` to `left + length`, with a text in it if there is room."""

    length: float
    colour: Colour
    left: float = 0.0
    alpha: float = 1.0
    text: str = ""


@dataclass(frozen=True)
class Mark:
    """What is drawn on one line of a row: bars, or a line with points, of which some are hollow."""

    colour: Colour
    line: tuple[float, ...] = ()
    points: tuple[tuple[float, bool], ...] = ()
    bars: tuple[Bar, ...] = ()


def interval_mark(estimate: Estimate, colour: Colour, *, hollow: bool, scale: float = 1.0) -> Mark:
    """Return a mark of a mean and its interval."""
    mean, low, high = (scale * value for value in estimate)
    return Mark(colour, (low, high), ((mean, hollow),))


@dataclass(frozen=True)
class Row:
    """One row of a row plot.

    Attributes:
        label: Its name, at the left.
        marks: From top to bottom; None leaves the line empty.
        note: A text at the right.
        bold: Whether the texts are emphasized.
        heading: A text above the row, empty for none.
    """

    label: str
    marks: tuple[Mark | None, ...]
    note: str = ""
    bold: bool = False
    heading: str = ""


@dataclass(frozen=True)
class RowLayout:
    """Sizes in pixels and the x axis of a row plot.

    Attributes:
        names: Width of the names at the left, of which `characters` fit.
        characters: Names are cut to this length.
        notes: Width of the notes at the right.
        step: From one mark to the next.
        gap: From one row to the next.
        zero_line: Whether a line marks zero.
        limits: Of the x axis, by default those of the data.
        ticks: Approximate number of ticks.
        tick_format: Of values on the x axis.
    """

    names: int = 212
    characters: int = 29
    notes: int = 12
    step: int = 10
    gap: int = 12
    zero_line: bool = False
    limits: tuple[float, float] | None = None
    ticks: int = 5
    tick_format: Callable[[float], str] = field(default=tick)


def row_plot(rows: Sequence[Row], x_label: str, name: str, layout: RowLayout) -> str:
    """Plot rows of marks from top to bottom, with names at the left and notes at the right.

    Args:
        rows: At least one.
        x_label: Label of the x axis.
        name: As in `draw_svg`.
        layout: Sizes and x axis.
    """
    step, gap = layout.step, layout.gap
    height = sum(len(row.marks) * step + gap + (_HEADING if row.heading else 0) for row in rows)

    def draw(axes: Axes) -> None:
        left = blended_transform_factory(axes.figure.transFigure, axes.transData)
        right = blended_transform_factory(axes.transAxes, axes.transData)
        axes.set_ylim(height, 0)
        if layout.limits:
            axes.set_xlim(layout.limits)
        if layout.zero_line:
            axes.axvline(0, color=SOFT.light, linewidth=1, zorder=1)
        y = gap / 2
        for row in rows:
            if row.heading:
                background = {"facecolor": CARD.light, "edgecolor": "none", "pad": 1.5}  # long ones cross the zero line
                heading = shortened(row.heading, 60)
                axes.text(0.006, y + 12, heading, transform=left, weight="bold", color=INK.light, bbox=background)
                y += _HEADING
            middle, colour = y + len(row.marks) * step / 2, (INK if row.bold else SOFT).light
            font: dict[str, Any] = {
                "verticalalignment": "center_baseline",
                "color": colour,
                "weight": "bold" if row.bold else "normal",
            }
            label = shortened(row.label, layout.characters)
            axes.text(0.012, middle, label, transform=left, **font)
            axes.text(1.03, middle, row.note, transform=right, **font)
            for number, mark in enumerate(row.marks):
                if mark:
                    _draw_mark(axes, mark, y + (number + 0.5) * step, step)
            y += len(row.marks) * step + gap
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0)
        axes.locator_params(axis="x", nbins=layout.ticks)
        axes.xaxis.set_major_formatter(lambda value, _: layout.tick_format(value))
        axes.set_xlabel(x_label)

    return draw_svg(draw, name, (WIDTH, height + 58), (layout.names, layout.notes, 50, 8))


def _draw_mark(axes: Axes, mark: Mark, y: float, step: float) -> None:
    for bar in mark.bars:
        axes.barh(y, bar.length, left=bar.left, height=0.7 * step, color=bar.colour.light, alpha=bar.alpha, linewidth=0)
        if bar.text and bar.length >= _MIN_BAR_TEXT:
            centre: dict[str, Any] = {"horizontalalignment": "center", "verticalalignment": "center_baseline"}
            axes.text(bar.left + bar.length / 2, y, bar.text, color=CARD.light, weight="bold", **centre)
    colour = mark.colour.light
    if mark.line:
        axes.plot(mark.line, [y] * len(mark.line), color=colour, linewidth=1.8, solid_capstyle="round", zorder=3)
    for x, hollow in mark.points:
        face = CARD.light if hollow else colour
        axes.plot([x], [y], marker="o", markersize=6, markerfacecolor=face, markeredgecolor=colour, zorder=4)
