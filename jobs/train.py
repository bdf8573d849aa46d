"""Train two towers on point-in-time features and write a release.

python jobs/train.py
python jobs/train.py --preset seed --epochs 1
"""

from datetime import UTC, datetime
from pathlib import Path

import click

from jobs.console import Stopwatch, bar, commit, job, load_tensorflow, releases_option, repo_option


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
    import numpy as np

    from evaluation.validation_week import ValidationWeek
    from features.catalogue import catalogue_ids, features_at, sales_at
    from features.feature_store import open_feature_store, tower_schemas
    from features.purchases import moment_or_data_end, read_purchases
    from features.time_split import TimeSplit
    from features.training_set import training_set
    from features.validation_set import validation_set
    from jobs.reports import epoch_line, recall_table, recalls
    from models.config import chosen
    from models.manifest import facts
    from models.release import Contents, write_release
    from models.training import train

    watch = Stopwatch()
    config = chosen(preset, training_days=training_days, epochs=epochs)
    store = open_feature_store(repo)
    schemas = tower_schemas(store, config.query_service, config.item_service)
    moment = moment_or_data_end(store, as_of)
    split = TimeSplit.ending(moment, validation_days=validation_days, training_days=config.training_days)
    purchases = read_purchases(store, split)
    items_at_cut = catalogue_ids(store, split.cut)
    rows = training_set(
        store, schemas, purchases, items_at_cut, sampled_per_day=config.sampled_per_day, seed=seed, progress=bar
    )
    asked = validation_set(store, schemas, purchases, items_at_cut, split)
    week = ValidationWeek.of(asked.user_ids, items_at_cut, purchases.before, purchases.validation, split.cut)
    baselines = week.baselines()
    for name, judgement in baselines.items():
        print(f"{name}: {recalls(judgement)}", flush=True)
    joined = watch.seconds
    towers, curve = train(
        rows,
        asked,
        week,
        schemas,
        config,
        seed=seed,
        progress=bar,
        report=lambda epoch: print(epoch_line(epoch), flush=True),
    )
    trained = watch.seconds

    item_ids = catalogue_ids(store, split.as_of)
    contents = Contents(
        item_ids=np.array(item_ids.to_pylist(), np.str_),
        item_vectors=towers.item_vectors(features_at(store, schemas.item, item_ids, split.as_of)),
        item_sales=sales_at(store, item_ids, split.as_of),
        split=split,
        curve=curve,
        baselines=baselines,
        facts=facts(
            config,
            seed=seed,
            purchases=purchases,
            rows=rows,
            commit=commit(),
            seconds={"join": joined, "fit": trained - joined},
        ),
    )
    version = write_release(releases, towers, contents, created=datetime.now(UTC))
    print(recall_table(config.preset, curve, baselines, week.users))
    print(
        f"release {releases / version} after {watch.seconds:.0f} s ({joined:.0f} s joining, "
        f"{trained - joined:.0f} s fitting); next: python jobs/materialize.py"
    )


if __name__ == "__main__":
    main()
