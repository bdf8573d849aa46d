"""Everything that a training asks of the feature store before its release."""

from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from features.progress import Progress
from features.store.catalogue import catalogue_ids
from features.store.service_schema import TowerSchemas
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases, write_purchases
from features.training_data.training_set import TrainingSet, write_training_set
from features.training_data.validation_set import ValidationSet, validation_set


@dataclass(frozen=True)
class Dataset:
    """What is learned from, and what it is judged by.

    Attributes:
        purchases: all purchases known at the release's moment.
        training: those before the cut, with features.
        validation: users and catalogue as of the cut.
    """

    purchases: Purchases
    training: TrainingSet
    validation: ValidationSet


def write_dataset(
    store: FeatureStore,
    schemas: TowerSchemas,
    split: TimeSplit,
    folder: Path,
    *,
    sampled_per_day: int,
    seed: int,
    progress: Progress,
) -> Dataset:
    """Read the purchases, part them by `split`, and join them; what is large is written to `folder`.

    Args:
        store: an applied feature store.
        schemas: the services of the two towers.
        split: the moments that part the purchases.
        folder: an empty folder; it must stay as long as the data set is used.
        sampled_per_day: how many catalogue items to draw for each day as further candidates.
        seed: of the draw.
        progress: makes a progress callback from a label and a total.

    Raises:
        InputError: a part has no purchases, or nobody who buys after the cut had bought before.
    """
    purchases = write_purchases(store, split, folder)
    items = catalogue_ids(store, split.cut)
    asked = validation_set(store, schemas, purchases, items)
    training = write_training_set(
        store, schemas, purchases, items, folder, sampled_per_day=sampled_per_day, seed=seed, progress=progress
    )
    return Dataset(purchases, training, asked)
