"""Warm start: the weights of earlier towers, moved to the vocabularies of new ones."""

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
    """Assign the weights of a checkpoint to new towers; rows of tokens move to the tokens' new codes.

    A new token starts as what it was to the earlier towers, an unknown one:
    - in a tower's own embeddings and one-hot inputs, with the weights of the unknown token. Id dropout has trained
      them: the item is represented by its content features;
    - in the shared content embeddings, as zero, which unknown tokens are there;
    - in the item memory, with its random initial vector. Items are identified by distinct directions, and a zero vector
      has a zero gradient.
    So before the first step the vectors are those of the earlier towers, except for the item memory of new items.

    The moments of the optimizers start at zero: they are means over the last few hundred steps, and would triple the
    size of a release.

    Args:
        model: towers that have been called, with the settings and the feature services of the checkpoint.
        query: encoding of its query tower, which includes the tokens and has the scales of the checkpoint.
        item: the same of its item tower.
        checkpoint: of the earlier towers.

    Raises:
        InputError: the weights do not fit the towers.
    """
    variables = model.named_variables
    if variables.keys() != checkpoint.weights.keys():
        raise _mismatch(f"only one of them has {', '.join(sorted(variables.keys() ^ checkpoint.weights.keys()))}")
    weights = _WeightsByVariable(variables, checkpoint.weights)
    _recode_tower(weights, model.query_tower, query, checkpoint.query)
    _recode_tower(weights, model.item_tower, item, checkpoint.item)
    _recode_shared(weights, model.shared, item, checkpoint.item)
    for name, variable in variables.items():
        if weights[variable].shape != tuple(variable.shape):
            raise _mismatch(f"{name} has shape {weights[variable].shape}, not {tuple(variable.shape)}")
    for variable in variables.values():
        variable.assign(weights[variable])


class _WeightsByVariable:
    """The weights to be assigned to each variable."""

    def __init__(self, variables: dict[str, tf.Variable], weights: dict[str, Weights]) -> None:
        self._weights = {variable.ref(): weights[name] for name, variable in variables.items()}

    def __getitem__(self, variable: tf.Variable) -> Weights:
        return self._weights[variable.ref()]

    def __setitem__(self, variable: tf.Variable, values: Weights) -> None:
        self._weights[variable.ref()] = values


def _recode_tower(weights: _WeightsByVariable, tower: QueryTower | ItemTower, new: Encoding, earlier: Encoding) -> None:
    """Move the weights that belong to the tokens of a tower's own inputs."""
    inputs = []  # for each input of the new dense layers, the input of the earlier ones that it was
    offset = 0
    for name, encoder in tower.encoders.items():
        positions, width = np.arange(encoder.output_dim), encoder.output_dim
        if isinstance(encoder, keras.layers.Embedding):
            table = encoder.embeddings
            weights[table] = weights[table][new.vocabularies[name].recode(earlier.vocabularies[name])]
        elif isinstance(encoder, OneHot):
            positions = new.vocabularies[name].recode(earlier.vocabularies[name])
            width = earlier.vocabularies[name].size
        inputs.append(offset + positions)
        offset += width
    rows = np.concatenate(inputs)
    for kernel in tower.input_kernels:
        weights[kernel] = np.concatenate([weights[kernel][rows], weights[kernel][offset:]])


def _recode_shared(weights: _WeightsByVariable, shared: SharedEmbeddings, new: Encoding, earlier: Encoding) -> None:
    """Move the weights of the shared embeddings."""
    for name, embedding in shared.content.items():
        table = embedding.embeddings
        zeros = np.zeros(table.shape, np.float32)
        weights[table] = _recode_rows(weights[table], new.vocabularies[name], earlier.vocabularies[name], zeros)
    for embedding in (shared.item_memory, shared.repeat_log_weights):
        if embedding is not None:
            table = embedding.embeddings
            items, earlier_items = new.vocabularies[ITEM_ID], earlier.vocabularies[ITEM_ID]
            weights[table] = _recode_rows(weights[table], items, earlier_items, table.numpy())


def _recode_rows(table: Weights, new: Vocabulary, earlier: Vocabulary, initial: Weights) -> Weights:
    """Return the rows of a table at their new codes, with the rows of `initial` for new tokens."""
    codes = new.recode(earlier)
    added = codes == UNKNOWN
    added[UNKNOWN] = False
    return np.where(added[:, None], initial, table[codes])


def _mismatch(found: str) -> InputError:
    return InputError(
        f"The weights of the earlier release do not fit the towers: {found}. Train without --from, or restore the "
        "settings and the feature services of the release."
    )
