"""The HTML report of an evaluation: one self-contained file without scripts and network access."""

from pathlib import Path
from typing import Final

import jinja2

from evaluation.metrics import primary_cutoff
from evaluation.report.candidate_sections import candidate_sources, catalogue_coverage, filter_costs
from evaluation.report.formatting import PROTOCOL_TITLES, counted, protocols_of
from evaluation.report.leaderboard import hit_rates, leaderboard, main_metrics
from evaluation.report.ranking_sections import ranker_details, ranking_order
from evaluation.report.recall_sections import paired_differences, recall_by_candidates, recall_by_week, training_curve
from evaluation.report.report_section import ReportSection
from evaluation.report.slice_sections import recall_by_activity, recall_by_popularity, recall_of_cold_items
from evaluation.report.styles import COLOURS
from evaluation.report.summary import key_figures, main_result, protocol_text, run_text, summary_sentence
from evaluation.results import Results
from features.files import atomic_write

TEMPLATE: Final = Path(__file__).with_name("page.html.j2")
SECTIONS: Final = (
    recall_by_candidates, paired_differences, ranking_order, recall_by_week, recall_by_popularity, recall_by_activity,
    recall_of_cold_items, catalogue_coverage, filter_costs, ranker_details, candidate_sources, training_curve,
)  # fmt: skip
"""The sections in the order of the page; a function returns None if there are no results for its section."""


def report_sections(results: Results) -> tuple[ReportSection, ...]:
    """Return the sections for which there are results."""
    sections = (build(results) for build in SECTIONS)
    return tuple(section for section in sections if section)


def render_page(results: Results) -> str:
    """Return the page; the same results give the same text.

    Names in the results are not trusted: they are stripped of invisible characters and escaped. The content security
    policy of the page forbids scripts and network access.

    Args:
        results: As from `combine_windows` or `read_results`.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    main = ((protocol, main_result(results, protocol)) for protocol in protocols_of(results))
    return template.render(
        summary=[summary_sentence(result, protocol) for protocol, result in main if result],
        figures=key_figures(results),
        protocol=protocol_text(results),
        boards=(
            ("Main metrics", leaderboard(results, main_metrics(results))),
            ("Hit rates", leaderboard(results, hit_rates(results))),
        ),
        protocol_titles=PROTOCOL_TITLES,
        sections=report_sections(results),
        colours=COLOURS,
        k=primary_cutoff(results["cutoffs"]),
        first=min(results["cutoffs"]),
        run=run_text(results),
        weeks=counted(len(results["windows"]), "week"),
    )


def write_page(results: Results, path: Path) -> None:
    """Write the page, under a temporary name until it is complete."""
    text = render_page(results)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
