"""An evaluation as one HTML page that needs nothing else: no network, no script."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2
import numpy as np

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import counted, percent, plain, times
from evaluation.report.headline import headline, verdict_of
from evaluation.report.leaderboard import hit_rates, leaderboard, main_measures
from evaluation.report.palette import COLOURS
from evaluation.report.recall_plots import PROTOCOL_TITLES
from evaluation.report.sections import exhibits_of
from evaluation.results import Protocol, Results
from features.files import atomic_write

TEMPLATE: Final = Path(__file__).with_name("page.html.j2")
_BOUGHT: Final = "what people bought in the next 7 days"
_BOUGHT_NEW: Final = "what people bought in the next 7 days and had never bought before"


@dataclass(frozen=True)
class Figure:
    """One large number and what it is."""

    number: str
    caption: str


def render_page(results: Results) -> str:
    """Return the page: the same results give the same text.

    Names in the results come from strangers: they are made plain and escaped. The page forbids scripts and any access
    to the network by its content security policy.

    Args:
        results: As from `combine_windows` or `read_results`.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    verdict, new = verdict_of(results, "all"), verdict_of(results, "new")
    return template.render(
        headline=headline(verdict, _BOUGHT) if verdict else "",
        second=headline(new, _BOUGHT_NEW) if new else "",
        figures=_figures(results),
        question=_question(results),
        boards=(
            ("Main measures", leaderboard(results, main_measures(results))),
            ("Hit rates: share of users with at least one hit", leaderboard(results, hit_rates(results))),
        ),
        protocol_titles=PROTOCOL_TITLES,
        exhibits=exhibits_of(results),
        colours=COLOURS,
        k=primary_cutoff(results["cutoffs"]),
        first=min(results["cutoffs"]),
        made=_made(results),
        weeks=counted(len(results["windows"]), "week"),
    )


def write_page(results: Results, path: Path) -> None:
    """Write the page, whole or not at all."""
    text = render_page(results)
    with atomic_write(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def _made(results: Results) -> str:
    """Say where the numbers come from."""
    made = results["run"]
    return (
        f"Data: {plain(made['dataset'])}; {counted(made['users'], 'user')}, {counted(made['items'], 'item')}, "
        f"{counted(made['purchases'], 'purchase')}. Made {plain(made['created'])} from commit {plain(made['commit'])}, "
        f"seed {made['seed']}, in {made['seconds']:,.0f} seconds."
    )


def _figures(results: Results) -> list[Figure]:
    """Return the large numbers at the top, about the same model as the headline."""
    figures = []
    bought_by_protocol: dict[Protocol, str] = {"all": "of all purchases", "new": "of purchases new to the user"}
    for protocol, bought in bought_by_protocol.items():
        verdict = verdict_of(results, protocol)
        if verdict:
            figures.append(Figure(percent(verdict.recall), f"{bought} found among {verdict.k:,} candidates"))
            if verdict.ratio is not None:
                figures.append(
                    Figure(
                        f"{times(verdict.ratio)} \N{MULTIPLICATION SIGN}", f"as much as the best simple list, {bought}"
                    )
                )
    verdict = verdict_of(results, "all")
    if verdict:
        coverages = [cut["models"][verdict.model]["catalogue_coverage"]["coverage"] for cut in results["windows"]]
        figures.append(Figure(percent(float(np.median(coverages))), "of the catalogue is shown to somebody"))
    return figures


def _question(results: Results) -> str:
    """Say in one paragraph what was asked."""
    cuts, made, k = results["windows"], results["run"], primary_cutoff(results["cutoffs"])
    users = sorted({cut["users"] for cut in cuts})
    asked = f"{users[0]:,}" if len(users) == 1 else f"{users[0]:,} to {users[-1]:,}"
    when = (
        f"on {cuts[0]['cut_date']}"
        if len(cuts) == 1
        else f"on {len(cuts)} dates from {cuts[0]['cut_date']} to {cuts[-1]['cut_date']}"
    )
    return (
        f"Which of {counted(made['items'], 'item')} should each user be shown? We stopped the clock {when}. Knowing "
        f"only what had happened before, every model listed up to {max(results['cutoffs']):,} candidates for each of "
        f"{asked} users who then bought something. Recall@{k} is the share of what people bought in the next 7 days "
        f"that was among {k:,} candidates, averaged over users. It is asked twice: for all purchases, and for items "
        "that the user never bought before, with lists that leave out what the user already knows."
    )
