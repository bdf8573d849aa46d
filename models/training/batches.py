"""The encoded training set in batches: shuffled anew in every epoch, never more than one window of days in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.config import Config
from models.training.encoded_set import EncodedSet
from models.training.training_rows import Batch, TrainingRows


@dataclass(frozen=True)
class Batches:
    """Batches of an encoded training set.

    An epoch takes the days in random order, a window of them at a time, and shuffles the purchases within the window.

    Attributes:
        rows: the encoded training set.
        config: size and kind of batches, and how many purchases a window may hold; it holds a day at least.
    """

    rows: EncodedSet
    config: Config

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What a batch is made of: `tf.TensorSpec`s in its own structure."""
        nothing = np.empty(0, np.int64)
        first = self.rows.reader()(0).batch(np.zeros(1, np.int64), nothing, self.rows.sampling_probability)
        specs: dict[str, Any] = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), first
        )
        return specs

    def dataset(self, epoch: int, seed: int) -> tf.data.Dataset:
        """The batches of one epoch; the order is determined by `seed` and `epoch`."""
        batches = tf.data.Dataset.from_generator(lambda: self.epoch(epoch, seed), output_signature=self.signature)
        return batches.prefetch(4)

    def epoch(self, epoch: int, seed: int) -> Iterator[Batch]:
        """The batches of one epoch.

        With `day_batches` a batch holds purchases of one day, and batches come in random order within a window. A
        day's purchases are parted evenly, so that none is left out and no batch is tiny; those of one query stay
        together, which is asked once then.
        """
        random = np.random.default_rng([seed, epoch])
        read = self.rows.reader()
        for window in self._windows(random):
            days = [read(day) for day in window]
            parts = days if self.config.day_batches else [TrainingRows.concat(days)]
            batches = [(part, rows) for part in parts for rows in self._parted(part, random)]
            for place in random.permutation(len(batches)):
                part, rows = batches[place]
                sampled = random.permutation(part.sampled)[: self.config.sampled_per_batch]
                yield part.batch(rows, sampled, self.rows.sampling_probability)
            del days, parts, part, batches  # before the next window is read

    def steps(self, epoch: int, seed: int) -> int:
        """Batches in an epoch."""
        sizes = self.rows.purchases_per_day
        if self.config.day_batches:
            return int(-(-sizes // self.config.batch_size).sum())
        windows = self._windows(np.random.default_rng([seed, epoch]))
        return sum(-(-int(sizes[window].sum()) // self.config.batch_size) for window in windows)

    def _windows(self, random: np.random.Generator) -> list[list[int]]:
        """The days of each window: as many as it may hold, and at least one."""
        windows: list[list[int]] = []
        room = 0
        for day in random.permutation(len(self.rows.purchases_per_day)).tolist():
            room -= int(self.rows.purchases_per_day[day])
            if room < 0:
                windows.append([])
                room = self.config.shuffle_window - int(self.rows.purchases_per_day[day])
            windows[-1].append(day)
        return windows

    def _parted(self, part: TrainingRows, random: np.random.Generator) -> list[NDArray[np.int64]]:
        order = random.permutation(len(part))
        if self.config.day_batches:
            order = np.argsort(random.permutation(len(part.users))[part.query_rows], kind="stable")
        return np.array_split(order, -(-len(part) // self.config.batch_size))
