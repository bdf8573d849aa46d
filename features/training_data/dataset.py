"""The data set of a training run: purchases, training set and validation set."""

from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from features.progress import Progress
from features.store.catalogue import catalogue_ids
from features.store.service_schema import TowerSchemas
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases, write_purchases
from features.training_data.training_set import TrainingSet, write_training_set
from features.training_data.validation_set import ValidationSet, read_validation_set


@dataclass(frozen=True)
class Dataset:
    """Everything that a training run reads from the feature store before its refit.

    Attributes:
        purchases: all purchases known at the release's moment.
        training: the training purchases with features.
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
    """Read the purchases, split them by time and join features; large tables are written to `folder`.

    Args:
        store: an applied feature store.
        schemas: the schemas of the two towers.
        split: of the purchases.
        folder: an empty folder; it must exist as long as the data set is used.
        sampled_per_day: catalogue items sampled per day as additional candidates.
        seed: of the sampling.
        progress: opens a progress bar.

    Raises:
        InputError: the training or validation part is empty, or no user of the validation part has purchases before it.
    """
    purchases = write_purchases(store, split, folder)
    items = catalogue_ids(store, split.cut)
    validation = read_validation_set(store, schemas, purchases, items)
    training = write_training_set(
        store, schemas, purchases, items, folder, sampled_per_day=sampled_per_day, seed=seed, progress=progress
    )
    return Dataset(purchases, training, validation)
