"""A checkpoint is read as it was written: encodings and weights."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def written(tiny, tmp_path_factory):
    towers, folder = tiny.towers(), tmp_path_factory.mktemp("checkpoint")
    towers.checkpoint.write(folder)
    return towers, folder


def test_a_checkpoint_survives_a_round_trip_bit_for_bit(written, tiny):
    from models.release.checkpoint import Checkpoint

    towers, folder = written

    checkpoint = Checkpoint.read(folder, tiny.schemas)

    assert (checkpoint.query, checkpoint.item) == (towers.query, towers.item)
    weights = [variable.numpy() for variable in towers.model.trainable_variables]
    assert len(checkpoint.weights) == len(weights) > 0
    for read, expected in zip(checkpoint.weights, weights, strict=True):
        np.testing.assert_array_equal(read, expected)


def test_encodings_are_read_without_weights(written, tiny):
    from models.release.checkpoint import read_encodings

    towers, folder = written

    assert read_encodings(folder, tiny.schemas) == (towers.query, towers.item)


def test_a_checkpoint_holds_no_optimizer_moments(tiny):
    towers = tiny.towers()
    before = len(towers.checkpoint.weights)

    towers.model.build_optimizers()

    assert len(towers.checkpoint.weights) == before


def test_equal_weights_give_equal_files(written, tmp_path):
    towers, folder = written

    towers.checkpoint.write(tmp_path)

    assert (tmp_path / "weights.npz").read_bytes() == (folder / "weights.npz").read_bytes()
