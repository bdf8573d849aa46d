"""Where the fused candidates come from, and what each source is worth."""

from typing import Final

from matplotlib.axes import Axes

from evaluation.metrics import PRIMARY_CUTOFF
from evaluation.report.drawing import drawn
from evaluation.report.formatting import percent, plain, shortened, tick
from evaluation.report.line_panel import WIDTH
from evaluation.report.palette import CARD, INK, SERIES, SOFT, Colour
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.results import Results, SourceResults, WindowResult

_NAMES: Final = 170
_ROW: Final = 30
_ROOM_FOR_TEXT: Final = 0.09  # a narrower part of a bar has no room for its number


def candidate_sources(results: Results) -> ReportSection | None:
    """Draw shares and worth of the sources at the last cut that has them; None if none has."""
    told = [(cut, cut["sources"]) for cut in results["windows"] if cut["sources"]]
    if not told:
        return None
    cut, sources = told[-1]
    colours = {row["source"]: SERIES[place % len(SERIES)] for place, row in enumerate(sources["rows"])}
    budget = PRIMARY_CUTOFF if PRIMARY_CUTOFF in sources["budgets"] else max(sources["budgets"])
    return ReportSection(
        title="Where do the candidates come from?",
        reading=(
            f"Week of {cut['cut_date']}. The fused list is put together from several sources. First: whose candidates "
            "it "
            "holds, by its length. Second: recall of each source alone (pale), and what only this source finds (full); "
            "union is what all sources find together, each with this many candidates."
        ),
        panels=(
            Panel("Share of the fused candidates", _shares(sources, colours), _told_shares(sources)),
            Panel(f"Recall@{budget}", _worth(sources, colours, str(budget)), _told_worth(sources, str(budget))),
        ),
        tables=(_table(sources), _share_table(cut, sources)),
        keys=tuple(Key(colour, plain(source)) for source, colour in colours.items()),
    )


def _shares(sources: SourceResults, colours: dict[str, Colour]) -> str:
    """Draw one bar for each budget, its parts in the order of the sources."""
    budgets = sources["budgets"]

    def draw(axes: Axes) -> None:
        for y, budget in enumerate(budgets):
            left = 0.0
            for source, colour in colours.items():
                share = sources["shares"][str(budget)].get(source, 0.0)
                axes.barh(y, share, left=left, height=0.62, color=colour.light, edgecolor=CARD.light, linewidth=1)
                if share >= _ROOM_FOR_TEXT:
                    axes.text(
                        left + share / 2,
                        y,
                        f"{100 * share:.0f} %",
                        color=CARD.light,
                        weight="bold",
                        horizontalalignment="center",
                        verticalalignment="center_baseline",
                    )
                left += share
        axes.set_yticks(range(len(budgets)), [f"{budget:,} candidates" for budget in budgets])
        _tidy(axes, len(budgets))
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of the fused candidates")

    return drawn(draw, "shares", (WIDTH, 46 * len(budgets) + 60), (108, 22, 50, 8))


def _worth(sources: SourceResults, colours: dict[str, Colour], budget: str) -> str:
    """Draw for each source what it finds alone and what only it finds; then union and fused."""
    exclude = [
        (plain(row["source"]), colours[row["source"]], row["alone"][budget], row["unique"][budget])
        for row in sources["rows"]
    ]
    totals = [("union of all", sources["union"][budget]), ("blended", sources["blended"][budget])]

    def draw(axes: Axes) -> None:
        for y, (_, colour, alone, unique) in enumerate(exclude):
            axes.barh(y, alone, height=0.62, color=colour.light, alpha=0.35, linewidth=0)
            axes.barh(y, unique, height=0.62, color=colour.light, linewidth=0)
            _write_end(axes, alone, y, f"{percent(alone)}, only here {percent(unique)}")
        for y, (_, recall) in enumerate(totals, len(exclude)):
            axes.barh(y, recall, height=0.62, color=SOFT.light, linewidth=0)
            _write_end(axes, recall, y, percent(recall))
        names = [*(name for name, *_ in exclude), *(name for name, _ in totals)]
        axes.set_yticks(range(len(names)), [shortened(name, 23) for name in names])
        _tidy(axes, len(names))
        axes.set_xlim(0, 1.9 * max(recall for _, recall in totals) or 1)
        axes.set_xlabel(f"recall@{budget}")

    return drawn(draw, "worth", (WIDTH, _ROW * (len(exclude) + 2) + 60), (_NAMES, 12, 50, 8))


def _write_end(axes: Axes, x: float, y: int, text: str) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(6, 0),
        textcoords="offset points",
        verticalalignment="center_baseline",
        color=INK.light,
        annotation_clip=False,
    )


def _tidy(axes: Axes, rows: int) -> None:
    axes.set_ylim(rows - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: tick(value))


def _table(sources: SourceResults) -> Table:
    budgets = [str(budget) for budget in sources["budgets"]]
    rows = [
        (
            plain(row["source"]),
            *(percent(row["alone"][budget]) for budget in budgets),
            *(percent(row["unique"][budget]) for budget in budgets),
        )
        for row in sources["rows"]
    ]
    blank = ("",) * len(budgets)
    rows += [
        (name, *(percent(recalls[budget]) for budget in budgets), *blank)
        for name, recalls in (("union of all", sources["union"]), ("blended", sources["blended"]))
    ]
    header = ("source", *(f"alone, {each}" for each in budgets), *(f"only here, {each}" for each in budgets))
    return Table(header, tuple(rows))


def _share_table(cut: WindowResult, sources: SourceResults) -> Table:
    budgets = [str(budget) for budget in sources["budgets"]]
    rows = tuple(
        (plain(row["source"]), *(percent(sources["shares"][budget].get(row["source"], 0.0)) for budget in budgets))
        for row in sources["rows"]
    )
    return Table((f"share of the fused, week of {cut['cut_date']}", *(f"{each} candidates" for each in budgets)), rows)


def _told_shares(sources: SourceResults) -> str:
    exclude = [
        f"{budget} candidates: "
        + ", ".join(f"{plain(source)} {percent(share)}" for source, share in sources["shares"][str(budget)].items())
        for budget in sources["budgets"]
    ]
    return f"Stacked bars. {'; '.join(exclude)}."


def _told_worth(sources: SourceResults, budget: str) -> str:
    alone = ", ".join(f"{plain(row['source'])} {percent(row['alone'][budget])}" for row in sources["rows"])
    union, blended = percent(sources["union"][budget]), percent(sources["blended"][budget])
    return f"Bars of recall: {alone}, union {union}, fused {blended}."
