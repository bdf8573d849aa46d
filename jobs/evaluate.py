"""Evaluate models and baselines at several weekly cuts, and write a table, a JSON file and an HTML report.

python jobs/evaluate.py
python jobs/evaluate.py --weeks choosing --cuts 2 --without-seed
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from jobs import console


@click.command()
@console.repo_option
@click.option("--cuts", type=click.IntRange(1), help="Number of weekly cuts, the latest ones; all of them by default.")
@click.option(
    "--weeks",
    type=click.Choice(["reporting", "choosing", "final", "release"]),
    default="reporting",
    show_default=True,
    help="Weeks from the end. choosing: 5-8. reporting: 3-4. final: 1-2, untouched until a release. release: 1-4.",
)
@console.filters_option
@click.option("--without-seed", is_flag=True, help="Do not train the preset seed as a baseline.")
@console.seed_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=console.ROOT / "data" / "evaluation.html",
    show_default="data/evaluation.html",
    help="HTML report; all numbers are written to a JSON file of the same name.",
)
@console.job
def main(
    reporter: console.ConsoleReporter, repo: Path, filters_file: Path | None, output: Path, **settings: Any
) -> None:
    """Evaluate models and baselines at several weekly cuts.

    At each cut a release is trained on the days before it, and evaluated beside the baselines on the seven days after
    it, on all purchases and on new items. The cost of each filter is measured, of those in force by default or by
    --filters and of others that could be chosen. Report and numbers are written after each cut.
    """
    from candidates.filters.settings import FilterSettings, read_settings

    filters = read_settings(filters_file) if filters_file else FilterSettings()
    console.load_tensorflow()
    from evaluation.report.page import write_page
    from evaluation.results import write_results
    from evaluation.summary_table import summary_table
    from features.errors import InputError
    from features.store.registry import open_feature_store
    from pipelines.backtest import BacktestOptions, backtest

    if output.suffix != ".html":
        raise InputError(f"{output} does not end in .html: --output takes the HTML report, the numbers go beside it.")
    store = open_feature_store(repo)
    options = BacktestOptions.at_weekly_cuts(store, filters, datetime.now(UTC), console.commit(), **settings)
    console.warn(options.warnings(store))
    with console.scratch_folder(output.parent) as folder:
        for results in backtest(store, options, folder, reporter):
            write_results(results, output.with_suffix(".json"))
            write_page(results, output)
    reporter.result(f"{summary_table(results)}\n{output} and {output.stem}.json after {reporter.watch.seconds:.0f} s")


if __name__ == "__main__":
    main()
