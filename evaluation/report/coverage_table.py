"""How much of the catalogue the lists show, as a table."""

import numpy as np

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import percent
from evaluation.report.model_styles import contenders_of
from evaluation.report.report_section import ReportSection, Table
from evaluation.results import Results


def catalogue_coverage(results: Results) -> ReportSection:
    """Tabulate breadth, medians over cuts."""
    rows = []
    for contender in contenders_of(results):
        breadths = [cut["models"][contender.name]["catalogue_coverage"] for cut in results["windows"]]
        rows.append(
            (
                contender.label,
                f"{np.median([each['distinct_items'] for each in breadths]):,.0f}",
                percent(float(np.median([each["coverage"] for each in breadths]))),
                percent(float(np.median([each["popularity_bias"] for each in breadths]))),
                percent(float(np.median([each["bestseller_share"] for each in breadths]))),
            )
        )
    k = primary_cutoff(results["cutoffs"])
    return ReportSection(
        title="How much of the catalogue is shown?",
        reading=(
            f"Over the first {k:,} candidates of all users, medians over weeks. Coverage: share of the catalogue that "
            "at least one user is shown. Popularity: how much of the catalogue sold less than a listed item, on "
            f"average; lists drawn by lot would have 50 %. Best sellers: share of the lists that is among the {k:,} "
            "most sold items."
        ),
        panels=(),
        tables=(Table(("model", "different items", "coverage", "popularity", "best sellers"), tuple(rows)),),
    )
