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
    variables = towers.model.named_variables
    assert checkpoint.weights.keys() == variables.keys()
    for name, variable in variables.items():
        np.testing.assert_array_equal(checkpoint.weights[name], variable.numpy())


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

    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert {"layers.npz", "item_memory.npy", "content.item_id.npy"} <= {path.name for path in files}
    for path in files:
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes()


def test_embeddings_are_memory_mapped(written, tiny):
    from models.release.checkpoint import Checkpoint

    _, folder = written

    weights = Checkpoint.read(folder, tiny.schemas).weights

    assert {name for name, array in weights.items() if isinstance(array, np.memmap)} == {
        "content.colour", "content.item_id", "item.colour", "item.item_id", "item_memory", "query.user_id",
        "repeat_log_weights",
    }  # fmt: skip
