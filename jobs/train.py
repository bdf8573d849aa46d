"""Train two towers on point-in-time features and write a release.

python jobs/train.py
python jobs/train.py --preset seed --epochs 1
python jobs/train.py --require-better
python jobs/train.py --from LATEST
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from jobs.console import (
    ConsoleReporter,
    commit,
    filters_option,
    job,
    load_tensorflow,
    releases_option,
    repo_option,
    scratch_folder,
    warn,
)


@click.command()
@repo_option
@releases_option
@click.option("--preset", type=click.Choice(["default", "seed"]), default="default", show_default=True)
@click.option("--from", "version", help="Go on from this release, or from LATEST, on the days since and a few before.")
@click.option("--as-of", help="Moment of the release, UTC; by default the morning after the last purchase.")
@click.option("--validation-days", type=click.IntRange(1), default=7, show_default=True)
@click.option("--training-days", type=click.IntRange(1), help="Days before the cut to learn from; default by preset.")
@click.option("--epochs", type=click.IntRange(1), help="Passes before the refit, at most; default by preset.")
@click.option(
    "--label-weeks",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Weeks whose purchases teach a ranker, which takes at least 3; with --from the earlier ranker goes on.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of draws, weights and shuffling.")
@filters_option
@click.option("--require-better", is_flag=True, help="End with status 1, and leave LATEST, if the gate is not passed.")
@job
def main(
    reporter: ConsoleReporter,
    repo: Path,
    releases: Path,
    preset: str,
    version: str | None,
    as_of: str | None,
    validation_days: int,
    training_days: int | None,
    epochs: int | None,
    label_weeks: int,
    seed: int,
    filters_file: Path | None,
    *,
    require_better: bool,
) -> None:
    """Train two towers on point-in-time features and write a release.

    The last days before --as-of choose the epoch, and nothing in them is seen by what they judge; then the chosen
    towers learn once from the last weeks, these days among them. With --from the filters in force stay those of the
    earlier release, unless --filters says otherwise.
    """
    from candidates.filters.settings import FilterSettings, read_settings

    settings = read_settings(filters_file) if filters_file else None
    load_tensorflow()
    from features.store.data_end import moment_or_data_end
    from features.store.registry import open_feature_store, tower_schemas
    from features.store.request_services import request_service_fingerprints
    from features.time_split import TimeSplit
    from models.config import load_preset
    from models.release.earlier_release import WARM_START_EPOCHS, EarlierRelease
    from models.release.writer import make_latest, write_release
    from pipelines.filter_context import filters_of, warnings_of
    from pipelines.gate import gate
    from pipelines.messages import baseline_line, epoch_line, recall_table, refit_line, variety_line
    from pipelines.ranker_weeks import label_weeks as weeks_before
    from pipelines.refit import refit_towers
    from pipelines.release_contents import release_contents
    from pipelines.release_overlap import overlap_line
    from pipelines.train_towers import train_towers

    store = open_feature_store(repo)
    moment = moment_or_data_end(store, as_of)
    earlier = EarlierRelease.read(releases, version) if version else None
    if earlier:
        days = earlier.training_days(TimeSplit.for_release(moment, validation_days=validation_days).cut)
        training_days, epochs = training_days or days, epochs or WARM_START_EPOCHS
    filters = settings or (filters_of(earlier.release) if earlier else FilterSettings())
    if settings:
        warn(warnings_of(store, settings, moment))
    config = load_preset(preset, training_days=training_days, epochs=epochs)
    if earlier:
        serving = request_service_fingerprints(store)
        earlier.check_compatible(config, tower_schemas(store, config.query_service, config.item_service), serving)
    split = TimeSplit.for_release(moment, validation_days=validation_days, training_days=config.training_days)
    with scratch_folder(releases) as folder:
        run = train_towers(
            store,
            config,
            split,
            folder,
            seed=seed,
            say=lambda epoch: print(
                epoch_line(epoch), variety_line(epoch.window_metrics.diversities), sep="\n", flush=True
            ),
            say_baseline=lambda name, window_metrics: print(baseline_line(name, window_metrics), flush=True),
            earlier=earlier.checkpoint if earlier else None,
        )
        decided = gate(store, run, releases)
        print(
            recall_table(config.preset, run.training_history, run.baselines, run.week.users),
            decided.sentence,
            sep="\n",
            flush=True,
        )
        weeks = weeks_before(
            store,
            run,
            config,
            folder / "weeks",
            weeks=1 if earlier else label_weeks,
            seed=seed,
            say=lambda line: print(line, flush=True),
        )
        refit = refit_towers(store, run, config, folder / "refit", seed=seed)
        print(refit_line(refit.since, refit.purchases, refit.diversities), flush=True)
        if earlier:
            print(overlap_line(run, refit.towers, earlier, releases), flush=True)
        contents = release_contents(
            store, run, weeks, refit, config, filters, seed=seed, commit=commit(),
            earlier=earlier.release if earlier else None, say=lambda line: print(line, flush=True),
        )  # fmt: skip
        written = write_release(releases, refit.towers, contents, created=datetime.now(UTC))
    if require_better and not decided.passed:
        print(f"error: release {releases / written} is not better, and LATEST stays as it was.", file=sys.stderr)
        sys.exit(1)
    make_latest(releases, written)
    print(
        f"release {releases / written} after {reporter.watch.seconds:.0f} s ({run.seconds['join']:.0f} s joining, "
        f"{run.seconds['fit']:.0f} s fitting, {refit.seconds:.0f} s refitting)"
    )
    reporter.next("python jobs/materialize.py")


if __name__ == "__main__":
    main()
