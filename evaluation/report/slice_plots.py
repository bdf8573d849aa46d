"""Recall taken apart: by popularity of items, by activity of users, for items never sold before."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes

from evaluation.metrics import primary_cutoff
from evaluation.report.drawing import drawn
from evaluation.report.formatting import counted, percent, shortened, tick
from evaluation.report.line_panel import WIDTH, line_panel
from evaluation.report.model_styles import ModelStyle, contenders_of
from evaluation.report.palette import CARD, INK, SOFT
from evaluation.report.recall_plots import line_of, shown
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.results import DecileRow, ItemRow, Results
from evaluation.summaries import cold_user_recall

_ROW: Final = 22  # pixels from one model to the next
_NAMES: Final = 200


def recall_by_decile(results: Results) -> ReportSection:
    """Draw recall by popularity decile, over the purchases of all cuts together."""
    contenders = contenders_of(results)
    pooled = {
        contender.name: _pooled([cut["models"][contender.name]["slices"]["deciles"] for cut in results["windows"]])
        for contender in contenders
    }
    relevant = [number for number, _ in pooled[contenders[0].name]]
    numbers = [str(decile) for decile in range(1, len(relevant) + 1)]
    lines = [line_of(contender, tuple(share for _, share in pooled[contender.name])) for contender in contenders]
    ticks = [numbers[0] + "\nbest sellers", *numbers[1:-1], numbers[-1] + "\nslow sellers"]
    svg = line_panel(lines, range(len(numbers)), ticks, "", "deciles")
    first = ", ".join(f"{line.label} {percent(line.values[0])} to {percent(line.values[-1])}" for line in lines)
    return ReportSection(
        title="Are only best sellers found?",
        reading=(
            "Items are ranked by sales before the week and cut into ten groups, each of which holds a tenth of all "
            "units sold: group 1 is a handful of best sellers, group 10 the long tail. Drawn is the share of purchases "
            f"found among {primary_cutoff(results['cutoffs']):,} candidates, over all purchases of all weeks."
        ),
        panels=(Panel("Share found by popularity of the item", svg, f"Line chart, decile 1 to 10: {first}."),),
        tables=(
            Table(
                ("decile", *numbers),
                (
                    ("purchases", *(f"{number:,}" for number in relevant)),
                    *((line.label, *(percent(value) for value in line.values)) for line in lines),
                ),
            ),
        ),
    )


def recall_by_activity(results: Results) -> ReportSection | None:
    """Draw recall by activity of the user at the last cut; None where users were not grouped."""
    last = results["windows"][-1]
    contenders = contenders_of(results)
    rows = {contender.name: last["models"][contender.name]["slices"]["activity"] for contender in contenders}
    groups = rows[contenders[0].name]
    if not groups:
        return None
    lines = [
        line_of(
            contender,
            tuple(row["recall"][0] for row in rows[contender.name]),
            tuple((row["recall"][1], row["recall"][2]) for row in rows[contender.name]),
        )
        for contender in contenders
    ]
    ticks = [row["name"].removesuffix("s").removesuffix(" purchase").replace("cold user", "none") for row in groups]
    svg = line_panel(lines, range(len(groups)), ticks, "purchases before the week", "activity")
    told = ", ".join(f"{line.label} {percent(line.values[0])} to {percent(line.values[-1])}" for line in lines)
    return ReportSection(
        title="For whom does it work?",
        reading=(
            "Users grouped by how often they had bought before the week; cold users had never bought. "
            f"Week of {last['cut_date']}, recall@{primary_cutoff(results['cutoffs'])}, "
            f"with 95 % intervals.{_cold_users(results)}"
        ),
        panels=(Panel("Recall by activity of the user", svg, f"Line chart, least to most active: {told}."),),
        tables=(
            Table(
                ("model", *(f"{row['name']} ({counted(row['users'], 'user')})" for row in groups)),
                tuple(
                    (contender.label, *(shown(row["recall"]) for row in rows[contender.name]))
                    for contender in contenders
                ),
            ),
        ),
    )


def _cold_users(results: Results) -> str:
    """Say how many had never bought before, and what the list they are shown is worth, all weeks together."""
    cold = cold_user_recall(results["windows"])
    if cold is None:
        return ""
    users, recall = cold
    return (
        f" Beside these, over all weeks, {counted(users, 'user')} had never bought before: they are shown last week's "
        f"bestsellers, and {percent(recall)} of what they bought stood there."
    )


def recall_of_cold_items(results: Results) -> ReportSection:
    """Draw recall of items never sold before beside that of the others, over the purchases of all cuts together."""
    contenders = contenders_of(results)
    kinds = [row["name"] for row in results["windows"][0]["models"][contenders[0].name]["slices"]["items"]]
    pooled = {
        contender.name: _pooled([cut["models"][contender.name]["slices"]["items"] for cut in results["windows"]])
        for contender in contenders
    }
    names = [f"{kind} ({counted(number, 'purchase')})" for kind, (number, _) in zip(
        kinds, pooled[contenders[0].name], strict=True)]  # fmt: skip
    shares = {name: [share for _, share in pairs] for name, pairs in pooled.items()}
    told = "; ".join(
        f"{contender.label} {' and '.join(percent(share) for share in shares[contender.name])}"
        for contender in contenders
    )
    return ReportSection(
        title="Are new items found?",
        reading=(
            "Some of what people buy was never sold before the week began: no list of past sales can contain it. "
            f"Drawn is the share found among {primary_cutoff(results['cutoffs']):,} candidates, over all weeks."
        ),
        panels=(Panel("Share found by kind of item", _pairs(contenders, shares), f"{' and '.join(names)}: {told}."),),
        tables=(
            Table(
                ("model", *names),
                tuple(
                    (contender.label, *(percent(share) for share in shares[contender.name])) for contender in contenders
                ),
            ),
        ),
        keys=tuple(Key(INK, name, hollow=place == 0) for place, name in enumerate(names)),
    )


def _pooled(by_cut: Sequence[Sequence[DecileRow] | Sequence[ItemRow]]) -> list[tuple[int, float | None]]:
    """Add up relevant items and hits of the same row of all cuts: relevant items, and the share found."""
    pooled: list[tuple[int, float | None]] = []
    for rows in zip(*by_cut, strict=True):
        relevant = sum(row["relevant"] for row in rows)
        hits = sum(row["relevant"] * (row["recall"] or 0.0) for row in rows)
        pooled.append((relevant, hits / relevant if relevant else None))
    return pooled


def _pairs(contenders: Sequence[ModelStyle], shares: dict[str, list[float | None]]) -> str:
    """Draw for each model a hollow and a filled point, joined."""

    def draw(axes: Axes) -> None:
        for y, contender in enumerate(contenders):
            colour, ours = contender.colour.light, contender.role == "ours"
            known = [share for share in shares[contender.name] if share is not None]
            axes.plot(known, [y] * len(known), color=colour, linewidth=2.4 if ours else 1.3, zorder=2)
            for share, face in zip(shares[contender.name], (CARD.light, colour), strict=True):
                if share is not None:
                    axes.plot([share], [y], "o", markersize=7, markerfacecolor=face, markeredgecolor=colour, zorder=3)
        axes.set_yticks(range(len(contenders)), [shortened(contender.label, 27) for contender in contenders])
        for label, contender in zip(axes.get_yticklabels(), contenders, strict=True):
            ours = contender.role == "ours"
            label.set(weight="bold" if ours else "normal", color=INK.light if ours else SOFT.light)
        axes.set_ylim(len(contenders) - 0.4, -0.6)
        axes.set_xlim(left=-0.015 * axes.get_xlim()[1])
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=6)
        axes.xaxis.set_major_formatter(lambda value, _: tick(value))
        axes.set_xlabel("share of purchases found")

    return drawn(draw, "cold items", (WIDTH, _ROW * len(contenders) + 58), (_NAMES, 22, 50, 8))
