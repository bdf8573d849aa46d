"""The last thing that towers learn before their release: the days that judged them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from feast import FeatureStore

from evaluation.diagnostics import VectorDiversity
from features.errors import InputError
from features.progress import Stopwatch, progress_bar
from features.store.catalogue import catalogue_ids
from features.store.service_schema import TowerSchemas
from features.training_data.training_set import write_training_set
from models.config import Config
from models.towers import Towers
from models.training.loop import refit
from pipelines.train_towers import TrainedTowers


@dataclass(frozen=True)
class Refit:
    """Towers that have learned up to the moment of their release.

    Attributes:
        towers: what is released.
        since: the first moment of the days from which they learned after they had been judged.
        purchases: how many there were in them.
        seconds: of joining and learning.
        diversities: of their query vectors for the users of the validation week, by what they ask for.
    """

    towers: Towers
    since: datetime
    purchases: int
    seconds: float
    diversities: dict[str, VectorDiversity]


def refit_towers(store: FeatureStore, run: TrainedTowers, config: Config, folder: Path, *, seed: int) -> Refit:
    """Let the kept towers learn once from the last days before the release.

    Once the epoch is chosen and the sources' words are weighed, nothing is left for the validation days to judge; and
    of no days should a release know more than of the last ones. Days before those that were trained on are left out.

    Args:
        store: an applied feature store.
        run: a training, with the towers of its best epoch.
        config: its settings.
        folder: for what is large; it must not exist yet.
        seed: of draws, shuffling and dropout.

    Raises:
        InputError: afterwards the vectors have collapsed.
    """
    watch = Stopwatch()
    folder.mkdir()
    purchases, kept = run.data.purchases.ending(config.refit_days), run.towers
    schemas = TowerSchemas(kept.query.schema, kept.item.schema)
    rows = write_training_set(
        store, schemas, purchases, catalogue_ids(store, purchases.split.as_of), folder,
        sampled_per_day=config.sampled_per_day, seed=seed, progress=progress_bar,
    )  # fmt: skip
    towers = refit(rows, schemas, config, folder / "codes", seed=seed, progress=progress_bar, earlier=kept.checkpoint)
    asked = run.data.validation
    # What they recall of the validation days would say nothing: they have learned from them.
    collapse = run.week.check_collapse(*towers.query_vectors(asked.queries), towers.item_vectors(asked.catalogue))
    since = purchases.split.start or purchases.split.cut
    if collapse.failed_checks:
        raise InputError(
            f"No release was written: after one more pass over the days since {since:%Y-%m-%d} the towers "
            f"failed sanity checks: {' '.join(collapse.failed_checks)} "
            "Try another --seed, or a lower learning rate in models/config.py."
        )
    return Refit(towers, since, int(rows.purchases_per_day.sum()), watch.seconds, collapse.diversities)
