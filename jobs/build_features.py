"""Validate the raw tables and build the feature tables that Feast reads.

python jobs/build_features.py --raw-dir data/raw
"""

from pathlib import Path

import click

from jobs.console import FEATURE_TABLES, ConsoleReporter, job, memory_limit_option, raw_dir_option


@click.command()
@raw_dir_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=FEATURE_TABLES,
    show_default="data/features",
    help="Folder of the feature tables; it is replaced as a whole.",
)
@click.option(
    "--quarantine",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write invalid rows with the reason to this CSV file, and continue without them.  [default: stop]",
)
@memory_limit_option
@job
def main(reporter: ConsoleReporter, raw_dir: Path, output: Path, quarantine: Path | None, memory_limit: str) -> None:
    """Validate the raw tables and build the feature tables that Feast reads."""
    from features.tables.build import build_feature_tables

    built = build_feature_tables(
        raw_dir, output, quarantine=quarantine, memory_limit=memory_limit, progress=reporter.progress
    )
    counts = built.counts
    reporter.result(
        f"{counts.users:,} users, {counts.items:,} items, {counts.purchases:,} purchases until "
        f"{built.data_end:%Y-%m-%d}, {sum(counts.quarantined.values()):,} rows quarantined\n"
        f"{len(built.tables)} feature tables, {sum(table.rows for table in built.tables):,} rows in {output} after "
        f"{reporter.watch.seconds:.1f} s"
    )
    reporter.next("feast -c feature_repo apply")


if __name__ == "__main__":
    main()
