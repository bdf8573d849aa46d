"""Read and check the raw tables, and write the feature tables that Feast serves from.

python jobs/build_features.py --raw-dir data/raw
"""

from pathlib import Path

import click

from features.progress import Stopwatch, progress_bar
from jobs.console import FEATURE_TABLES, job, raw_dir_option


@click.command()
@raw_dir_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=FEATURE_TABLES,
    show_default="data/features",
    help="Folder for the feature tables; replaced whole.",
)
@click.option(
    "--quarantine",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Set unusable rows aside in this CSV file, each with its reason, instead of refusing the input.",
)
@click.option("--memory-limit", default="4GB", show_default=True, help="Memory that DuckDB may use before it spills.")
@job
def main(raw_dir: Path, output: Path, quarantine: Path | None, memory_limit: str) -> None:
    """Read and check the raw tables, and write the feature tables that Feast serves from."""
    from features.tables.build import build_feature_tables

    watch = Stopwatch()
    built = build_feature_tables(
        raw_dir, output, quarantine=quarantine, memory_limit=memory_limit, progress=progress_bar
    )
    aside = sum(built.counts.quarantined.values())
    print(
        f"{built.counts.users:,} users, {built.counts.items:,} items, {built.counts.purchases:,} purchases "
        f"({aside:,} rows set aside) known until {built.data_end:%Y-%m-%d} -> {len(built.tables)} tables, "
        f"{sum(table.rows for table in built.tables):,} rows in {output} after {watch.seconds:.1f} s; "
        "next: feast -c feature_repo apply"
    )


if __name__ == "__main__":
    main()
