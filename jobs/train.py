"""Train two towers on point-in-time features and write a release.

python jobs/train.py
python jobs/train.py --preset seed --epochs 1
"""

from datetime import UTC, datetime
from pathlib import Path

import click

from jobs.console import Stopwatch, bar, commit, job, load_tensorflow, releases_option, repo_option, scratch


@click.command()
@repo_option
@releases_option
@click.option("--preset", type=click.Choice(["default", "seed"]), default="default", show_default=True)
@click.option("--as-of", help="Moment of the release, UTC; by default the morning after the last purchase.")
@click.option("--validation-days", type=click.IntRange(1), default=7, show_default=True)
@click.option("--training-days", type=click.IntRange(1), help="Days before the cut to train on; default by preset.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the purchases, at most; default by preset.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of draws, weights and shuffling.")
@job
def main(
    repo: Path,
    releases: Path,
    preset: str,
    as_of: str | None,
    validation_days: int,
    training_days: int | None,
    epochs: int | None,
    seed: int,
) -> None:
    """Train two towers on point-in-time features and write a release.

    The last days before --as-of validate; nothing in them is seen by what is trained.
    """
    load_tensorflow()
    from evaluation.validation_week import ValidationWeek
    from features.catalogue import catalogue_at
    from features.data_end import moment_or_data_end
    from features.dataset import write_dataset
    from features.feature_store import open_feature_store, tower_schemas
    from features.time_split import TimeSplit
    from jobs.reports import epoch_line, recall_table, recalls
    from models.config import chosen
    from models.curve import Epoch
    from models.manifest import facts
    from models.release import Contents, write_release
    from models.training import train

    def say(epoch: Epoch) -> None:
        print(epoch_line(epoch), flush=True)

    watch = Stopwatch()
    config = chosen(preset, training_days=training_days, epochs=epochs)
    store = open_feature_store(repo)
    schemas = tower_schemas(store, config.query_service, config.item_service)
    moment = moment_or_data_end(store, as_of)
    split = TimeSplit.ending(moment, validation_days=validation_days, training_days=config.training_days)
    with scratch(releases) as folder:
        data = write_dataset(
            store, schemas, split, folder, sampled_per_day=config.sampled_per_day, seed=seed, progress=bar
        )
        asked, purchases = data.validation, data.purchases
        history = purchases.history(asked.user_ids)
        week = ValidationWeek.of(asked.user_ids, asked.item_ids, history, purchases.after_cut(), split.cut)
        baselines = week.baselines()
        for name, judgement in baselines.items():
            print(f"{name}: {recalls(judgement)}", flush=True)
        joined = watch.seconds
        towers, curve = train(data, week, schemas, config, folder / "codes", seed=seed, progress=bar, report=say)
        seconds = {"join": joined, "fit": watch.seconds - joined}
        made = facts(config, seed=seed, data=data, commit=commit(), seconds=seconds)

    catalogue = catalogue_at(store, schemas.item, moment)
    contents = Contents(
        item_ids=catalogue.ids,
        item_vectors=towers.item_vectors(catalogue.features),
        item_sales=catalogue.sales,
        split=split,
        curve=curve,
        baselines=baselines,
        facts=made,
    )
    version = write_release(releases, towers, contents, created=datetime.now(UTC))
    print(recall_table(config.preset, curve, baselines, week.users))
    print(
        f"release {releases / version} after {watch.seconds:.0f} s ({seconds['join']:.0f} s joining, "
        f"{seconds['fit']:.0f} s fitting); next: python jobs/materialize.py"
    )


if __name__ == "__main__":
    main()
