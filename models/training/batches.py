"""Batches of the encoded training set: shuffled in every epoch, with one window of days in memory at a time."""

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

    An epoch takes the days in random order, one window of them at a time, and shuffles the purchases of the window.

    Attributes:
        encoded_set: the encoded training set.
        config: batch size, kind of batches, and the number of purchases in a window, which holds at least one day.
    """

    encoded_set: EncodedSet
    config: Config

    @cached_property
    def signature(self) -> dict[str, Any]:
        """The `tf.TensorSpec`s of a batch, in its own structure."""
        read_day = self.encoded_set.open_reader()
        example = read_day(0).batch(np.zeros(1, np.int64), np.empty(0, np.int64))
        specs: dict[str, Any] = tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), example
        )
        return specs

    def dataset(self, epoch: int, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch as a dataset; their order is determined by `seed` and `epoch`."""
        batches = tf.data.Dataset.from_generator(lambda: self.epoch(epoch, seed), output_signature=self.signature)
        return batches.prefetch(4)

    def epoch(self, epoch: int, seed: int) -> Iterator[Batch]:
        """Yield the batches of one epoch.

        With `day_batches` a batch holds purchases of one day, and the batches of a window are in random order. The
        purchases of a day are split evenly, so that none is left out and no batch is tiny; those of one query stay
        together, so that it is computed once.
        """
        random = np.random.default_rng([seed, epoch])
        read_day = self.encoded_set.open_reader()
        for window in self._split_days(random):
            days = [read_day(day) for day in window]
            parts = days if self.config.day_batches else [TrainingRows.concat(days)]
            batches = [(part, rows) for part in parts for rows in self._split_purchases(part, random)]
            for number in random.permutation(len(batches)):
                part, rows = batches[number]
                sampled = random.permutation(part.sampled_count)[: self.config.sampled_per_batch]
                yield part.batch(rows, sampled)
            del days, parts, part, batches  # free the window before the next one is read

    def steps(self, epoch: int, seed: int) -> int:
        """Return the number of batches in an epoch."""
        sizes = self.encoded_set.purchases_per_day
        if self.config.day_batches:
            return int(-(-sizes // self.config.batch_size).sum())
        windows = self._split_days(np.random.default_rng([seed, epoch]))
        return sum(-(-int(sizes[window].sum()) // self.config.batch_size) for window in windows)

    def _split_days(self, random: np.random.Generator) -> list[list[int]]:
        """Shuffle the days, and split them into windows of at most `shuffle_window` purchases, or of a single day."""
        sizes = self.encoded_set.purchases_per_day
        windows: list[list[int]] = []
        room = 0
        for day in random.permutation(len(sizes)).tolist():
            room -= int(sizes[day])
            if room < 0:
                windows.append([])
                room = self.config.shuffle_window - int(sizes[day])
            windows[-1].append(day)
        return windows

    def _split_purchases(self, part: TrainingRows, random: np.random.Generator) -> list[NDArray[np.int64]]:
        order = random.permutation(len(part))
        if self.config.day_batches:
            order = np.argsort(random.permutation(len(part.users))[part.query_rows], kind="stable")
        return np.array_split(order, -(-len(part) // self.config.batch_size))
