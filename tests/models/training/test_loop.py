"""Learned behaviour: the toy data is learned, its noise twin is not, and equal seeds give equal vectors."""

import tempfile
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import InputError

pytestmark = pytest.mark.learned

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Prepared:
    """Inputs of a training: the joined training set, the validation window, and settings."""

    rows: Any
    window: Any
    schemas: Any
    config: Any

    def train(self, *, evaluate=None, seed=1, report=lambda _: None, **settings):
        from models.training.loop import train

        with tempfile.TemporaryDirectory() as folder:
            return train(
                self.rows,
                evaluate or self.window.evaluate,
                self.schemas,
                replace(self.config, **settings),
                Path(folder) / "codes",
                seed=seed,
                progress=no_progress,
                report=report,
            )


def no_progress(_label, _total):
    return lambda _: None


@pytest.fixture(scope="session")
def noise(applied_project):
    """The noise twin of the toy data."""

    def write_raw(folder):
        from features.raw.toy_data import write_toy_data

        write_toy_data(folder, seed=7, noise=True)

    return applied_project("noise", write_raw)


@pytest.fixture(scope="session")
def prepare(tmp_path_factory):
    """Joins the data of a training once per project and preset."""
    prepared = {}

    def prepare(project, preset):
        from features.store.registry import open_feature_store, tower_schemas
        from features.time_split import TimeSplit
        from features.training_data.purchases import write_purchases
        from features.training_data.training_set import write_training_sets
        from models.config import PRESETS
        from pipelines.window import EvaluationWindow, TowerWindow

        if (project, preset) not in prepared:
            config = PRESETS[preset]
            store = open_feature_store(project.repo)
            split = TimeSplit.for_release(AS_OF, training_days=config.training_days)
            schemas = tower_schemas(store, config.query_service, config.item_service)
            folder = tmp_path_factory.mktemp("training")
            purchases = write_purchases(store, split, folder)
            [rows] = write_training_sets(
                store, schemas, purchases, [split], folder, settings=config, seed=1, progress=no_progress
            )
            window = TowerWindow.read(store, schemas, EvaluationWindow.of(store, purchases))
            prepared[project, preset] = Prepared(rows, window, schemas, config)
        return prepared[project, preset]

    return prepare


@pytest.mark.parametrize(("preset", "epochs"), [("seed", 5), ("default", 3)])
def test_the_tastes_of_the_toy_data_are_learned(prepare, toy, preset, epochs):
    prepared = prepare(toy, preset)

    _, training_history = prepared.train(epochs=epochs, patience=epochs)

    popular = prepared.window.window.validation.baselines()["last week's bestsellers"]
    best = training_history.best.window_metrics
    assert popular.new_item_recalls[12] < 0.3
    assert best.new_item_recalls[12] > 0.8
    assert best.recalls[12] > 2 * popular.recalls[12]


@pytest.mark.parametrize(("preset", "epochs"), [("seed", 5), ("default", 3)])
def test_in_the_noise_twin_no_epoch_beats_popularity(prepare, noise, preset, epochs):
    prepared = prepare(noise, preset)

    _, training_history = prepared.train(epochs=epochs, patience=epochs)

    # A random list of 12 of the 60 items has a recall of 0.2; popularity has slightly more.
    popular = prepared.window.window.validation.baselines()["last week's bestsellers"]
    for epoch in training_history.epochs:
        assert epoch.window_metrics.recalls[12] < popular.recalls[12] + 0.05
        assert epoch.window_metrics.new_item_recalls[12] < popular.new_item_recalls[12] + 0.05


def test_equal_seeds_give_equal_vectors_and_weights_and_another_seed_others(prepare, toy):
    prepared = prepare(toy, "default")

    (first, history), (second, second_history), (other, _) = (prepared.train(seed=seed, epochs=1) for seed in (1, 1, 2))

    assert second_history == history
    validation = prepared.window.inputs
    vectors = [
        (*towers.query_vectors(validation.queries), towers.item_vectors(validation.catalogue))
        for towers in (first, second, other)
    ]
    for of_first, of_second, of_other in zip(*vectors, strict=True):
        np.testing.assert_array_equal(of_second, of_first)
        assert not np.allclose(of_other, of_first)
    for weights, weights_again in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights_again, weights)


class ScriptedMetrics:
    """Returns a given recall for each epoch, and records the weights of the towers."""

    def __init__(self, *recalls):
        self.recalls, self.weights = iter(recalls), []

    def __call__(self, towers):
        from evaluation.validation_window import WindowMetrics

        self.weights.append(towers.model.get_weights())
        recalls = {12: next(self.recalls)}
        names = [field.name for field in fields(WindowMetrics) if field.name.endswith("recalls")]
        return WindowMetrics(**dict.fromkeys(names, recalls))


def test_the_weights_of_the_best_epoch_are_kept(prepare, toy):
    evaluate, reported = ScriptedMetrics(0.2, 0.6, 0.4), []

    towers, training_history = prepare(toy, "seed").train(evaluate=evaluate, epochs=3, report=reported.append)

    assert (training_history.best.number, list(training_history.epochs)) == (2, reported)
    weights = towers.model.get_weights()
    equal = [all(map(np.array_equal, weights, of_epoch)) for of_epoch in evaluate.weights]
    assert equal == [False, True, False]


def test_training_stops_after_the_configured_epochs_without_a_better_recall(prepare, toy):
    evaluate = ScriptedMetrics(0.2, 0.5, 0.4, 0.5, 0.9)

    _, training_history = prepare(toy, "seed").train(evaluate=evaluate, epochs=9, patience=2)

    assert [epoch.number for epoch in training_history.epochs] == [1, 2, 3, 4]
    assert training_history.best.number == 2


def test_a_gain_that_is_too_small_ends_the_training_but_its_weights_are_kept(prepare, toy):
    evaluate = ScriptedMetrics(0.5, 0.6, 0.61, 0.9)

    _, training_history = prepare(toy, "seed").train(evaluate=evaluate, epochs=9, patience=1, smallest_gain=0.03)

    assert [epoch.number for epoch in training_history.epochs] == [1, 2, 3]
    assert training_history.best.number == 3


def test_no_further_epoch_begins_after_enough_steps(prepare, toy):
    evaluate = ScriptedMetrics(0.2, 0.4, 0.8, 0.9)
    prepared = prepare(toy, "seed")
    of_an_epoch = -(-int(prepared.rows.purchases_per_day.sum()) // prepared.config.batch_size)

    _, training_history = prepared.train(evaluate=evaluate, epochs=9, patience=9, enough_steps=2 * of_an_epoch)

    assert [epoch.number for epoch in training_history.epochs] == [1, 2]


def test_collapsed_towers_are_an_error(prepare, toy, monkeypatch):
    from models.layers import DenseStack

    call = DenseStack.call
    monkeypatch.setattr(DenseStack, "call", lambda self, inputs: 0 * call(self, inputs) + 1)
    reported = []

    with pytest.raises(InputError, match="No release was written"):
        prepare(toy, "seed").train(epochs=1, report=reported.append)

    assert any("same direction" in message for message in reported[0].window_metrics.failed_checks)


def test_a_diverged_training_is_an_error(prepare, toy):
    with pytest.raises(InputError, match="not finite"):
        prepare(toy, "seed").train(learning_rate=1e38, epochs=1)
