"""Validate the raw tables and build the feature tables that Feast reads.

python jobs/build_features.py --raw-dir data/raw
"""

from datetime import UTC, datetime
from pathlib import Path

import click

from jobs.console import FEATURE_TABLES, ConsoleReporter, job, memory_limit_option, path_option, raw_dir_option, warn


@click.command()
@raw_dir_option
@path_option("--output", folder=True, default=FEATURE_TABLES, text="Folder of the feature tables; replaced as a whole.")
@path_option("--quarantine", text="CSV file for invalid rows and the reasons; without it the first ones stop the job.")
@click.option("--as-of", help="Latest moment of a purchase, UTC; later ones are invalid rows.  [default: now]")
@path_option("--events", text="Event log of serve.py; purchases after those of the raw tables are added.")
@memory_limit_option
@job
def main(
    reporter: ConsoleReporter,
    raw_dir: Path,
    output: Path,
    quarantine: Path | None,
    as_of: str | None,
    events: Path | None,
    memory_limit: str,
) -> None:
    """Build the feature tables from the raw tables.

    The raw tables are validated. Each row of a feature table holds the moment from which it is known.
    """
    from features.moments import parse_moment
    from features.tables.build import build_feature_tables
    from features.text import counted

    built = build_feature_tables(
        raw_dir,
        output,
        quarantine=quarantine,
        memory_limit=memory_limit,
        progress=reporter.progress,
        latest=parse_moment(as_of) if as_of else datetime.now(UTC),
        events=events,
    )
    if built.gap:
        warn([built.gap.warning])
    counts = built.counts
    logged = built.logged
    added = f" and {logged.added:,} of the event log" if logged.added else ""
    if logged.covered:
        reporter.metrics(
            f"{counted(logged.covered, 'purchase')} of the event log are of days that the raw tables cover, and are "
            "taken to be among theirs"
        )
    reporter.result(
        f"{counts.users:,} users, {counts.items:,} items, {counts.purchases:,} purchases{added} until "
        f"{built.data_end:%Y-%m-%d}, {counted(sum(counts.quarantined.values()), 'row')} quarantined\n"
        f"{len(built.tables)} feature tables, {sum(table.rows for table in built.tables):,} rows in {output} after "
        f"{reporter.watch.seconds:.1f} s"
    )
    reporter.next("feast -c feature_repo apply")


if __name__ == "__main__":
    main()
