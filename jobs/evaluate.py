"""Judge models and simple lists at several weekly cuts, and write a table, a JSON file and a page.

python jobs/evaluate.py
python jobs/evaluate.py --weeks choosing --cuts 2 --without-seed
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from features.progress import Stopwatch
from jobs.console import (
    ROOT,
    ConsoleReporter,
    commit,
    filters_option,
    job,
    load_tensorflow,
    repo_option,
    scratch_folder,
    warn,
)

EVALUATION = ROOT / "data" / "evaluation.html"


@click.command()
@repo_option
@click.option("--cuts", type=click.IntRange(1), help="Number of weekly cuts, the latest ones; all of them by default.")
@click.option(
    "--weeks",
    type=click.Choice(["reporting", "choosing", "final", "release"]),
    default="reporting",
    show_default=True,
    help="choosing: weeks 5-8 from the end, to choose settings. reporting: weeks 3-4. final: the two latest, untouched "
    "until a release. release: weeks 1-4, for the table of a release.",
)
@filters_option
@click.option("--without-seed", is_flag=True, help="Do not train the preset seed beside the default.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of draws, weights and shuffling.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=EVALUATION,
    show_default="data/evaluation.html",
    help="The page; a JSON file of the same name holds all numbers.",
)
@job
def main(
    reporter: ConsoleReporter,
    repo: Path,
    cuts: int | None,
    weeks: Literal["reporting", "choosing", "final", "release"],
    filters_file: Path | None,
    seed: int,
    output: Path,
    *,
    without_seed: bool,
) -> None:
    """Judge models and simple lists at several weekly cuts.

    At each cut two towers are trained as a release is, on what was known by then, and judged by the seven days after
    it, beside the simple lists on the same users, all purchases and new items side by side. Filters are priced by
    themselves: those in force by default or by --filters, and others that one could choose. Page and numbers are
    written after each cut.
    """
    from candidates.filters.settings import FilterSettings, read_settings

    settings = read_settings(filters_file) if filters_file else FilterSettings()
    load_tensorflow()
    from evaluation.metrics import cutoffs_for
    from evaluation.report.page import write_page
    from evaluation.results import Results, RunInfo, WindowResult, write_results
    from evaluation.summaries import combine_windows
    from evaluation.summary_table import summary_table
    from evaluation.windows import weekly_cuts
    from features.errors import InputError
    from features.store.catalogue import catalogue_ids, user_ids
    from features.store.data_end import data_end
    from features.store.registry import open_feature_store, read_source
    from features.time_split import TimeSplit
    from models.config import DEFAULT
    from pipelines.backtest import evaluate_cut
    from pipelines.filter_context import warnings_of

    if output.suffix != ".html":
        raise InputError(f"{output} does not end in .html: the page is written as HTML, and its numbers beside it.")
    watch = Stopwatch()
    store = open_feature_store(repo)
    found: list[WindowResult] = []
    end = data_end(store)
    items = len(catalogue_ids(store, end))
    if filters_file:
        warn(warnings_of(store, settings, end))

    def write() -> Results:
        run: RunInfo = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit() or "",
            "seed": seed,
            "users": len(user_ids(store, end)),
            "items": items,
            "purchases": read_source(store, "transactions", [], known_at=end).num_rows,
            "seconds": watch.seconds,
            "dataset": store.project,
            "filters": settings.to_json(),
        }
        results = combine_windows(run, cutoffs_for(items), found)
        write_results(results, output.with_suffix(".json"))
        write_page(results, output)
        return results

    for moment in weekly_cuts(end, weeks, cuts):
        split = TimeSplit.for_release(moment, training_days=DEFAULT.training_days)
        print(f"cut {moment:%Y-%m-%d}", flush=True)
        with scratch_folder(output.parent) as folder:
            result = evaluate_cut(
                store, split, folder, seed=seed, filters=settings, with_seed=not without_seed,
                say=lambda line: print(f"  {line}", flush=True),
            )  # fmt: skip
        found.append(result)
        results = write()  # a cut takes a quarter of an hour: whoever stops the rest keeps what is judged
    reporter.result(summary_table(results))
    print(f"{output} and {output.with_suffix('.json')} after {watch.seconds:.0f} s")


if __name__ == "__main__":
    main()
