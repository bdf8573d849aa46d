"""Fill the online store up to a moment, from where it was filled before.

python jobs/materialize.py
python jobs/materialize.py --as-of 2020-09-15
python jobs/materialize.py --from-scratch
"""

from pathlib import Path

import click

from jobs.console import ConsoleReporter, job, quiet_libraries, repo_option, warn


@click.command()
@repo_option
@click.option("--as-of", help="Moment to fill up to, UTC; by default the morning after the last purchase.")
@click.option(
    "--from-scratch",
    is_flag=True,
    help="Begin with an empty online store. Needed to go back in time.",
)
@job
def main(reporter: ConsoleReporter, repo: Path, as_of: str | None, *, from_scratch: bool) -> None:
    """Fill the online store up to a moment, by default the end of the data, and write the catalogue snapshot.

    A feature view whose table has the same rows up to then is read from where it was filled before, any other one from
    the beginning. Users are read in full. Requests see the new rows when all of them are written.
    """
    from features.store.consistency import count_inconsistent
    from features.store.data_end import moment_or_data_end
    from features.store.materialization import materialize
    from features.store.registry import open_feature_store

    store = open_feature_store(repo)
    moment = moment_or_data_end(store, as_of)
    with quiet_libraries():
        filled = materialize(store, moment, from_scratch=from_scratch, progress=reporter.progress)
        different = count_inconsistent(store, moment)
    reporter.result(
        f"{len(filled.starts)} of {filled.declared} feature views online as of {moment:%Y-%m-%d %H:%M} UTC, "
        f"{filled.incremental} of them incrementally, after {reporter.watch.seconds:.1f} s"
    )
    if different:
        advice = "python jobs/check_leakage.py" if from_scratch else "python jobs/materialize.py --from-scratch"
        names = ", ".join(f"{name} ({count})" for name, count in different.items())
        warn([f"Online and offline values differ for sampled users or items: {names}. Run `{advice}`."])
    reporter.next("python jobs/generate_candidates.py")


if __name__ == "__main__":
    main()
