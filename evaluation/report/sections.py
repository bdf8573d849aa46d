"""The sections of the page, in the order in which a reader asks."""

from evaluation.report.coverage_table import catalogue_coverage
from evaluation.report.difference_plot import paired_differences
from evaluation.report.filter_plot import filter_costs
from evaluation.report.ranker_plots import ranker
from evaluation.report.ranking_plot import candidate_order
from evaluation.report.recall_plots import recall_by_candidates, recall_by_cut
from evaluation.report.report_section import ReportSection
from evaluation.report.slice_plots import recall_by_activity, recall_by_decile, recall_of_cold_items
from evaluation.report.source_plots import candidate_sources
from evaluation.report.training_plot import training_curve
from evaluation.results import Results


def exhibits_of(results: Results) -> tuple[ReportSection, ...]:
    """Return the sections for which there are results."""
    exhibits = (
        recall_by_candidates(results),
        paired_differences(results),
        candidate_order(results),
        recall_by_cut(results),
        recall_by_decile(results),
        recall_by_activity(results),
        recall_of_cold_items(results),
        catalogue_coverage(results),
        filter_costs(results),
        ranker(results),
        candidate_sources(results),
        training_curve(results),
    )
    return tuple(exhibit for exhibit in exhibits if exhibit)
