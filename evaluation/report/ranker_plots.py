"""What the ranker goes by, and whether what it calls likely is bought as often as it says."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from evaluation.report.drawing import drawn
from evaluation.report.formatting import plain, shortened, tick
from evaluation.report.line_panel import WIDTH
from evaluation.report.palette import CARD, INK, SERIES, SOFT
from evaluation.report.ranking_tables import rankings_by_cut
from evaluation.report.recall_plots import PROTOCOL_TITLES, protocols_of
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.results import ImportanceRow, RankingResult, ReliabilityRow, Results

_ROW: Final = 22  # pixels from one feature to the next
_NAMES: Final = 304
_HEIGHT: Final = 400
_MANY: Final = 1_000  # times from end to end of an axis, for which ticks at 1 and 3 of each power of ten are too many
_ROOM: Final = 1.6  # the axes reach this many times further than the points


def ranker(results: Results) -> ReportSection | None:
    """Draw the last cut at which a ranker was learned, on each protocol; None if there is none."""
    panels: list[Panel] = []
    tables, weeks, lost = [], [], False
    for protocol in protocols_of(results):
        checkpoint = [(cut, each) for cut, each in rankings_by_cut(results, protocol).items() if each["reliability"]]
        if checkpoint:
            cut, ranking = checkpoint[-1]
            title = PROTOCOL_TITLES[protocol]
            weeks.append(f"{title}: learned for the week of {cut}{'' if ranking['ranked'] else ', but not used'}.")
            panels += _panels(ranking, title, protocol)
            tables += [_importance_table(ranking["importances"], title), _bin_table(ranking["reliability"], title)]
            lost = lost or any(each["observed"] == 0 for each in ranking["reliability"])
    if not panels:
        return None
    return ReportSection(
        title="What does the ranker go by, and is it right?",
        reading=(
            f"{' '.join(weeks)} Asked are those who bought in the week before it, which the rankers had not seen. "
            "First: how much NDCG@12 falls if the values of one feature are exchanged among the candidates; two "
            "features that say the same hide each other. Then: candidates in groups of equal size by the probability "
            "that the ranker gave them. On the line, they were bought as often as it said; above it more often."
        ),
        panels=tuple(panels),
        tables=tuple(tables),
        keys=(Key(SERIES[0], "none of these was bought", hollow=True),) if lost else (),
    )


def _panels(ranking: RankingResult, title: str, salt: str) -> tuple[Panel, Panel]:
    return (
        Panel(
            f"{title}: what it goes by",
            _bars(ranking["importances"], f"importances {salt}"),
            _told_importances(ranking["importances"]),
        ),
        Panel(
            f"{title}: predicted and bought",
            _curve(ranking["reliability"], f"reliability {salt}"),
            _told_bins(ranking["reliability"]),
        ),
    )


def _bars(rows: Sequence[ImportanceRow], salt: str) -> str:
    def draw(axes: Axes) -> None:
        for y, row in enumerate(rows):
            axes.barh(y, row["ndcg_drop"], height=0.62, color=SERIES[0].light, linewidth=0)
            axes.annotate(
                f"{row['ndcg_drop']:z.4f}",
                (max(row["ndcg_drop"], 0), y),
                xytext=(6, 0),
                textcoords="offset points",
                verticalalignment="center_baseline",
                color=INK.light,
                annotation_clip=False,
            )
        axes.set_yticks(range(len(rows)), [shortened(_named(row["feature"]), 50) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        losses = [row["ndcg_drop"] for row in rows]
        axes.set_xlim(1.1 * min(*losses, 0), 1.35 * max(*losses, 0) or 1)
        axes.grid(visible=False, axis="y")
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=3)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("loss of NDCG@12")

    return drawn(draw, salt, (WIDTH, max(_ROW * len(rows) + 58, _HEIGHT // 2)), (_NAMES, 8, 50, 8))


def _curve(bins: Sequence[ReliabilityRow], salt: str) -> str:
    """Draw what was bought against what was predicted, both on the same logarithmic scale: most odds are small."""
    shares = [share for each in bins for share in (each["predicted"], each["observed"]) if share > 0]
    low, high = min(shares) / _ROOM, min(max(shares) * _ROOM, 1.0)
    ticks = (1.0, 3.0) if high / low < _MANY else (1.0,)

    def draw(axes: Axes) -> None:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.plot([low, high], [low, high], color=SOFT.light, linewidth=1, dashes=(4, 3), zorder=2)
        found = [each for each in bins if each["observed"] > 0]
        axes.plot(
            [each["predicted"] for each in found],
            [each["observed"] for each in found],
            color=SERIES[0].light,
            linewidth=1.8,
            marker="o",
            markersize=7,
            markeredgecolor=CARD.light,
            zorder=3,
        )
        for each in bins:
            if each["observed"] == 0 and each["predicted"] > 0:
                axes.plot(
                    [each["predicted"]],
                    [low],
                    marker="o",
                    markersize=7,
                    markerfacecolor=CARD.light,
                    markeredgecolor=SERIES[0].light,
                    clip_on=False,
                    zorder=4,
                )
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.tick_params(which="both", length=0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=ticks))
            axis.set_major_formatter(lambda value, _: tick(value))
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("predicted")
        axes.set_ylabel("bought")

    return drawn(draw, salt, (WIDTH, _HEIGHT), (76, 24, 50, 8))


def _importance_table(rows: Sequence[ImportanceRow], title: str) -> Table:
    return Table(
        (f"{title}: feature", "loss of NDCG@12"),
        tuple((_named(each["feature"]), _fine(each["ndcg_drop"])) for each in rows),
    )


def _bin_table(bins: Sequence[ReliabilityRow], title: str) -> Table:
    rows = tuple(
        (f"{number}", _share(each["predicted"]), _share(each["observed"]), f"{each['count']:,}")
        for number, each in enumerate(bins, 1)
    )
    return Table((f"{title}: group", "predicted", "bought", "candidates"), rows)


def _told_importances(rows: Sequence[ImportanceRow]) -> str:
    told = ", ".join(f"{plain(each['feature'])} {each['ndcg_drop']:z.4f}" for each in rows)
    return f"Bars of the loss of NDCG@12 without a feature: {told}."


def _told_bins(bins: Sequence[ReliabilityRow]) -> str:
    told = ", ".join(f"{_share(each['observed'])} of {_share(each['predicted'])}" for each in bins)
    return f"Line chart on logarithmic axes, share bought of share predicted, the least likely first: {told}."


def _share(share: float) -> str:
    """Write a share that may be far below a percent."""
    return tick(float(f"{share:.3g}"))


def _fine(loss: float) -> str:
    return f"{loss:+.5f}"


def _named(feature: str) -> str:
    return plain(feature.replace("_", " "))
