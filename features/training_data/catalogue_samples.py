"""Samples of the catalogue for each day of a training set: they represent items that were not bought."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

import numpy as np
import pyarrow as pa
from feast import FeatureStore
from numpy.typing import NDArray

from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_CODE
from features.store.catalogue import catalogue_history

_TIMESTAMP = pa.timestamp("us", tz="UTC")
SAMPLE_SCHEMA = pa.schema([(ITEM_ID, pa.string()), (EVENT_TIMESTAMP, _TIMESTAMP), (USER_CODE, pa.int32())])


class SamplingSettings(Protocol):
    """How many catalogue items the batches of a day need; `models.config.Config` has them."""

    @property
    def sampled_per_day(self) -> int:
        """Number of items sampled per day, at most; 0 for none."""

    @property
    def sampled_per_batch(self) -> int:
        """How many of them a batch uses."""

    @property
    def batch_size(self) -> int:
        """Number of purchases of a batch, at most."""


@dataclass(frozen=True)
class CatalogueSamples:
    """How many items are sampled on each day, and from which.

    Attributes:
        item_ids: string (items,), in the order in which they became known, then by id.
        days: datetime64[D] (days,), ascending.
        sizes: int64 (days,), items known at 00:00 UTC of each day: the first ones of `item_ids`.
        counts: int64 (days,), sampled items of each day.
        seed: of the draws.
    """

    item_ids: pa.Array
    days: NDArray[np.datetime64]
    sizes: NDArray[np.int64]
    counts: NDArray[np.int64]
    seed: int

    @classmethod
    def plan(
        cls,
        store: FeatureStore,
        moment: datetime,
        days: NDArray[np.datetime64],
        purchases_per_day: NDArray[np.int64],
        settings: SamplingSettings,
        seed: int,
    ) -> Self:
        """Decide the number of items of each day: as many as its batches can use, and no more than are known.

        The items of a day depend on the seed, the day, its purchases and the catalogue known by then, so that they are
        the same in every training set that the day belongs to.

        Args:
            store: an applied feature store.
            moment: after all days, UTC.
            days: datetime64[D] (days,), ascending.
            purchases_per_day: int64 (days,).
            settings: numbers of items and purchases.
            seed: of the draws.
        """
        catalogue = catalogue_history(store, moment)
        known_since = catalogue[EVENT_TIMESTAMP].to_numpy().astype("datetime64[us]")
        sizes = np.searchsorted(known_since, days.astype("datetime64[us]"), side="right")
        usable = -(-purchases_per_day // settings.batch_size) * settings.sampled_per_batch
        counts = np.minimum(np.minimum(usable, settings.sampled_per_day), sizes)
        return cls(catalogue[ITEM_ID].combine_chunks(), days, sizes, counts, seed)

    def draw(self) -> Iterator[pa.RecordBatch]:
        """Draw the items of each day with replacement, uniformly, as entity rows as of 00:00 UTC of the day."""
        for day, size, count in zip(self.days, self.sizes, self.counts, strict=True):
            random = np.random.default_rng([self.seed, int(day.astype(np.int64))])
            columns = [
                self.item_ids.take(pa.array(random.integers(size, size=count) if count else [], pa.int64())),
                pa.array(np.full(count, day.astype("datetime64[us]"))).cast(_TIMESTAMP),
                pa.nulls(count, pa.int32()),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=SAMPLE_SCHEMA)
