"""The sections of the page, in the order in which a reader asks."""

from evaluation.results import Results
from pages.breadth_table import breadth
from pages.difference_plot import paired_differences
from pages.exhibit import Exhibit
from pages.filter_plot import filter_prices
from pages.item_map import item_map
from pages.order_plot import candidate_order
from pages.ranker_plots import ranker
from pages.recall_plots import recall_by_candidates, recall_by_cut
from pages.slice_plots import recall_by_activity, recall_by_decile, recall_of_cold_items
from pages.source_plots import candidate_sources
from pages.training_plot import training_curve


def exhibits_of(results: Results) -> tuple[Exhibit, ...]:
    """Return the sections for which there are results."""
    exhibits = (
        recall_by_candidates(results),
        paired_differences(results),
        candidate_order(results),
        recall_by_cut(results),
        recall_by_decile(results),
        recall_by_activity(results),
        recall_of_cold_items(results),
        breadth(results),
        filter_prices(results),
        ranker(results),
        candidate_sources(results),
        training_curve(results),
        item_map(results),
    )
    return tuple(exhibit for exhibit in exhibits if exhibit)
