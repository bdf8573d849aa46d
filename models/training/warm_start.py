"""New towers that begin with what earlier ones learned, whatever words have come since."""

from typing import TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from features.errors import InputError
from features.schema import ITEM_ID
from models.encoding import Encoding
from models.item_tower import ItemTower
from models.layers import OneHot
from models.query_tower import QueryTower
from models.release.checkpoint import Checkpoint
from models.shared_embeddings import SharedEmbeddings
from models.two_tower import TwoTower
from models.vocabulary import UNKNOWN, Vocabulary

Weights: TypeAlias = NDArray[np.float32]


def warm_start(model: TwoTower, query: Encoding, item: Encoding, checkpoint: Checkpoint) -> None:
    """Give towers the weights of earlier ones, those of a word at the code that it has now.

    A word that has come since begins as what it was to the earlier towers, an unknown one:
    - in each tower's own embeddings and one-hot inputs, as the unknown word: where ids are hidden in training, it has
      taught the dense layers to do without, and the item lives off its features;
    - in the content that both towers share, as zero, because unknown words are nothing there;
    - in the memory afresh, as in any training: an item is known again by a direction of its own, and from zero times
      zero no slope leads to one.
    So that before the first step the towers say what the earlier ones said, but for the memory of new items.

    The optimizers' moments begin anew: they are means over the last few hundred steps, and would make a release three
    times as large.

    Args:
        model: towers that have been called, with the settings and the services of the earlier ones.
        query: encoding of its query tower, with the earlier words among its own, and the earlier scales.
        item: that of its item tower.
        checkpoint: what the earlier towers learned.

    Raises:
        InputError: the weights are those of other towers.
    """
    variables = model.trainable_variables
    if len(variables) != len(checkpoint.weights):
        raise _other_towers(f"{len(checkpoint.weights)} arrays of weights, not {len(variables)}")
    given = _Given(variables, checkpoint.weights)
    _move_tower(given, model.query_tower, query, checkpoint.query)
    _move_tower(given, model.item_tower, item, checkpoint.item)
    _move_shared(given, model.shared, item, checkpoint.item)
    for variable in variables:
        if given[variable].shape != tuple(variable.shape):
            raise _other_towers(f"weights of shape {given[variable].shape}, not {tuple(variable.shape)}")
    for variable in variables:
        variable.assign(given[variable])


class _Given:
    """The weights that each variable is going to have."""

    def __init__(self, variables: list[tf.Variable], weights: tuple[Weights, ...]) -> None:
        self._weights = {variable.ref(): values for variable, values in zip(variables, weights, strict=True)}

    def __getitem__(self, variable: tf.Variable) -> Weights:
        return self._weights[variable.ref()]

    def __setitem__(self, variable: tf.Variable, values: Weights) -> None:
        self._weights[variable.ref()] = values


def _move_tower(given: _Given, tower: QueryTower | ItemTower, now: Encoding, then: Encoding) -> None:
    """Move what belongs to the words of a tower's own inputs."""
    inputs, before = [], 0  # of the dense layers: for each number that the encoders say now, which one it was
    for name, encoder in tower.encoders.items():
        places, width = np.arange(encoder.output_dim), encoder.output_dim
        if isinstance(encoder, keras.layers.Embedding):
            table = encoder.embeddings
            given[table] = given[table][now.vocabularies[name].recode(then.vocabularies[name])]
        elif isinstance(encoder, OneHot):
            places, width = now.vocabularies[name].recode(then.vocabularies[name]), then.vocabularies[name].size
        inputs.append(before + places)
        before += width
    rows = np.concatenate(inputs)
    for kernel in tower.input_kernels:
        given[kernel] = np.concatenate([given[kernel][rows], given[kernel][before:]])


def _move_shared(given: _Given, shared: SharedEmbeddings, now: Encoding, then: Encoding) -> None:
    """Move what belongs to the words that both towers share."""
    for name, content in shared.content.items():
        table = content.embeddings
        nothing = np.zeros(table.shape, np.float32)
        given[table] = _moved(given[table], now.vocabularies[name], then.vocabularies[name], nothing)
    for memory in (shared.item_memory, shared.repeat_log_weights):
        if memory is not None:
            table = memory.embeddings
            given[table] = _moved(given[table], now.vocabularies[ITEM_ID], then.vocabularies[ITEM_ID], table.numpy())


def _moved(table: Weights, now: Vocabulary, then: Vocabulary, fresh: Weights) -> Weights:
    """Rows at their new codes; those of new words are the fresh ones."""
    codes = now.recode(then)
    new = codes == UNKNOWN
    new[UNKNOWN] = False
    return np.where(new[:, None], fresh, table[codes])


def _other_towers(what: str) -> InputError:
    return InputError(f"The earlier release holds {what}: the towers are built otherwise now, train without --from.")
