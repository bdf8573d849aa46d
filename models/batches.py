"""The training set in batches: shuffled anew in every epoch, with the candidates that stand for the catalogue."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from numpy.typing import NDArray

from features.schema import ITEM_ID, USER_ID
from features.training_set import TrainingSet
from models.config import Config
from models.encoding import Codes, Encoding

Batch = dict[str, Any]


@dataclass(frozen=True)
class Batches:
    """Encoded training purchases.

    Attributes:
        queries: codes of the distinct queries, (queries, …).
        query_rows: int32 (purchases,), row of `queries` of each purchase.
        items: codes of the candidates: first the purchased items (purchases, …), then the sampled ones, in days.
        users: int32 (purchases,), a number for each user.
        candidates: int32 (purchases + sampled,), a number for each catalogue item.
        days: int32 (purchases,), day of each purchase.
        sold: float32 (purchases + sampled,), share of its day's purchases that were of this item.
        sampled_per_day: sampled candidates of each day.
        drawn: probability that one draw from the catalogue takes a given item.
        config: batch size and kind.
    """

    queries: Codes
    query_rows: NDArray[np.int32]
    items: Codes
    users: NDArray[np.int32]
    candidates: NDArray[np.int32]
    days: NDArray[np.int32]
    sold: NDArray[np.float32]
    sampled_per_day: int
    drawn: float
    config: Config

    @classmethod
    def of(cls, rows: TrainingSet, query: Encoding, item: Encoding, config: Config) -> Self:
        """Encode a training set."""
        table = pa.concat_tables([rows.items, rows.sampled_items])
        candidates = pc.dictionary_encode(table[ITEM_ID].combine_chunks()).indices.to_numpy().astype(np.int32)
        users = pc.dictionary_encode(rows.queries[USER_ID].combine_chunks()).indices.to_numpy().astype(np.int32)
        sampled_days = np.repeat(np.arange(rows.days.max() + 1), rows.sampled_per_day)
        days = np.concatenate([rows.days, sampled_days]) if config.day_batches else np.zeros(len(candidates), np.int64)
        return cls(
            queries=query.codes(rows.queries),
            query_rows=rows.query_rows,
            items=item.codes(table),
            users=users[rows.query_rows],
            candidates=candidates,
            days=rows.days,
            sold=_shares(candidates, days, len(rows.days)),
            sampled_per_day=rows.sampled_per_day,
            drawn=1 / rows.catalogue_size,
            config=config,
        )

    def dataset(self, epoch: int, seed: int) -> tf.data.Dataset:
        """The batches of one epoch; the order is determined by `seed` and `epoch`."""
        order = self.order(epoch, seed)
        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), self._batch(order[0])
        )
        return tf.data.Dataset.from_generator(lambda: map(self._batch, order), output_signature=signature).prefetch(4)

    def order(self, epoch: int, seed: int) -> list[NDArray[np.int64]]:
        """Purchase rows of each batch of an epoch.

        Batches of a day hold purchases of that day only and come in random order of days; a day's purchases are
        parted evenly, so that none is left out and no batch is tiny.
        """
        random = np.random.default_rng([seed, epoch])
        size = self.config.batch_size
        if not self.config.day_batches:
            shuffled = random.permutation(len(self.days))
            return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
        ends = np.flatnonzero(np.diff(self.days, append=-1)) + 1
        batches = []
        for rows in np.split(np.arange(len(self.days)), ends[:-1]):
            batches.extend(np.array_split(random.permutation(rows), -(-len(rows) // size)))
        return [batches[place] for place in random.permutation(len(batches))]

    def steps(self) -> int:
        """Batches in an epoch."""
        return len(self.order(0, 0))

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        first = len(self.days) + self.days[rows[0]] * self.sampled_per_day
        candidates = np.concatenate([rows, np.arange(first, first + self.sampled_per_day)])
        # Expected number of times that each candidate is among the batch's candidates, scaled to at most 1, because
        # TFRS takes it for a probability; a common factor does not change the softmax.
        expected = len(rows) * self.sold[candidates] + self.sampled_per_day * self.drawn
        return {
            "query": {name: codes[self.query_rows[rows]] for name, codes in self.queries.items()},
            "item": {name: codes[candidates] for name, codes in self.items.items()},
            "user": self.users[rows],
            "candidate": self.candidates[candidates],
            "frequency": (expected / expected.max()).astype(np.float32),
        }


def _shares(candidates: NDArray[np.int32], days: NDArray[Any], purchases: int) -> NDArray[np.float32]:
    """Share of its day's purchases that went to each candidate; the first `purchases` rows are the purchases."""
    items = int(candidates.max()) + 1
    keys = days.astype(np.int64) * items + candidates
    sold_keys, counts = np.unique(keys[:purchases], return_counts=True)
    totals = np.bincount(days[:purchases])
    places = np.minimum(np.searchsorted(sold_keys, keys), len(sold_keys) - 1)
    sold = np.where(sold_keys[places] == keys, counts[places], 0)
    return np.asarray(sold / np.maximum(totals[days], 1), np.float32)
