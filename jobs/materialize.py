"""Fill the online store with what was known at a moment.

python jobs/materialize.py
python jobs/materialize.py --as-of 2020-09-15
"""

from pathlib import Path

import click

from features.progress import Stopwatch
from jobs.console import ConsoleReporter, job, quiet_libraries, repo_option


@click.command()
@repo_option
@click.option("--as-of", help="Moment to fill up to, UTC; by default the morning after the last purchase.")
@click.option("--from-scratch", is_flag=True, help="Empty the online store first; needed to go back in time.")
@job
def main(reporter: ConsoleReporter, repo: Path, as_of: str | None, *, from_scratch: bool) -> None:
    """Fill the online store with what was known at a moment, by default the data's own end."""
    from features.store.data_end import moment_or_data_end
    from features.store.materialization import fill_online_store
    from features.store.registry import open_feature_store

    watch = Stopwatch()
    store = open_feature_store(repo)
    moment = moment_or_data_end(store, as_of)
    with quiet_libraries():
        views = fill_online_store(store, moment, from_scratch=from_scratch)
    print(
        f"{len(views)} feature views ({', '.join(views)}) online as of {moment:%Y-%m-%d %H:%M} UTC "
        f"after {watch.seconds:.1f} s"
    )
    reporter.next("python jobs/generate_candidates.py")


if __name__ == "__main__":
    main()
