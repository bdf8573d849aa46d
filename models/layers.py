"""Keras layers of the towers: encoders of single inputs, dropout, weights of list positions, dense layers."""

from collections.abc import Iterable

import tensorflow as tf
import tf_keras as keras

from features.store.service_schema import FeatureColumn
from models.config import Config
from models.encoding import Encoding, Scale
from models.vocabulary import FIRST_TOKEN, UNKNOWN

_WEIGHT_UNITS = 16


class OneHot(keras.layers.Layer):
    """One-hot rows (batch, size), represented by their codes (batch,); `size` includes the two reserved codes.

    `DenseStack` takes them as they are: a one-hot row times a kernel is a row of the kernel.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.output_dim = size

    def call(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the codes, int32 (batch,)."""
        return codes


class Number(keras.layers.Layer):
    """Numbers (batch,) to (batch, 2): the standardized value, 0 if missing, and a flag that is 1 if missing."""

    output_dim = 2

    def __init__(self, scale: Scale, *, log: bool) -> None:
        super().__init__()
        self._scale = scale
        self._log = log

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Return float32 (batch, 2); NaN counts as missing."""
        missing = tf.math.is_nan(values)
        present = tf.where(missing, tf.zeros_like(values), values)
        if self._log:
            present = tf.math.log1p(tf.maximum(present, 0.0))
        standard = (present - self._scale.mean) / self._scale.deviation
        return tf.stack([tf.where(missing, tf.zeros_like(standard), standard), tf.cast(missing, tf.float32)], axis=-1)


class IdDropout(keras.layers.Layer):
    """In training, replaces a random share of the item codes by the unknown code; the identity in serving."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate

    def call(self, codes: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return codes of the same shape."""
        if not training or self._rate == 0:
            return codes
        dropped = tf.random.uniform(tf.shape(codes)) < self._rate
        return tf.where(dropped, tf.fill(tf.shape(codes), UNKNOWN), codes)


class ListDropout(keras.layers.Layer):
    """In training, keeps a random subset of each list's positions; the identity in serving.

    The effect is that of dropout with zeros. Dropped positions are not looked up in the embeddings, however, and the
    look-ups are most of the work.

    Args:
        lists: names of inputs with the same positions: a list, and the numbers aligned with it.
        dropout: share of positions that is dropped.
    """

    def __init__(self, lists: list[list[str]], dropout: float) -> None:
        super().__init__()
        self._lists = lists
        self._dropout = dropout

    def call(
        self, codes: dict[str, tf.Tensor], training: bool | None = None
    ) -> tuple[dict[str, tf.Tensor], dict[str, float]]:
        """Return the inputs, with lists shortened to about (1 - dropout) x length, at least 1, and a scale per list.

        The scale is length / kept positions. Sums over the kept positions are multiplied by it, as in dropout, so that
        their expectation is the sum over all positions.
        """
        shortened, scales = dict(codes), {names[0]: 1.0 for names in self._lists}
        for names in self._lists if training and self._dropout else ():
            length = codes[names[0]].shape[1]
            kept = max(1, round(length * (1 - self._dropout)))
            positions = tf.math.top_k(tf.random.uniform(tf.shape(codes[names[0]])), kept, sorted=False).indices
            for name in names:
                shortened[name] = tf.gather(codes[name], positions, batch_dims=1)
            scales[names[0]] = length / kept
        return shortened, scales


class PositionWeights(keras.layers.Layer):
    """Weight of each position of a list, learned from the numbers aligned with it (counts, days ago).

    Weights are positive at known elements, and 0 at padding and unknown elements.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hidden = keras.layers.Dense(_WEIGHT_UNITS, activation="relu")
        self._weight = keras.layers.Dense(1)

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The variables by name; they exist once the layer has been called."""
        return {**_dense_variables("hidden", self._hidden), **_dense_variables("output", self._weight)}

    def call(self, codes: tf.Tensor, numbers: list[tf.Tensor]) -> tf.Tensor:
        """Return float32 (batch, length).

        Args:
            codes: int32 (batch, length).
            numbers: float32 (batch, length) each; negative values and NaN count as 0. Without any, all known elements
                of a list have the same weight.
        """
        present = known_mask(codes)
        # NaN > 0 is false, so NaN becomes 0 too; multiplying it by a weight of 0 would leave NaN.
        logged = [tf.math.log1p(tf.where(number > 0, number, 0.0)) for number in numbers] or [present]
        return tf.nn.softplus(self._weight(self._hidden(tf.stack(logged, axis=-1)))[..., 0]) * present


class DenseStack(keras.layers.Layer):
    """Dense layers with ReLU, and a linear output layer, over the concatenation of several inputs.

    Args:
        hidden_widths: of the hidden layers.
        dimensions: of the output.
        encoders: of the first inputs. Those of `OneHot` encoders are codes that select rows of the first kernel: a
            product with hundreds of zeros would be most of the work of a tower.
    """

    def __init__(
        self, hidden_widths: tuple[int, ...], dimensions: int, encoders: Iterable[keras.layers.Layer] = ()
    ) -> None:
        super().__init__()
        self._layers = [keras.layers.Dense(width, activation="relu") for width in hidden_widths]
        self._layers.append(keras.layers.Dense(dimensions))
        self._one_hot_sizes = [encoder.output_dim if isinstance(encoder, OneHot) else None for encoder in encoders]

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The variables by name; they exist once the layer has been called."""
        layers = [_dense_variables(f"dense_{number}", layer) for number, layer in enumerate(self._layers)]
        return {name: variable for layer in layers for name, variable in layer.items()}

    @property
    def input_kernel(self) -> tf.Variable:
        """Kernel of the first layer, (inputs, its width), in the order of the inputs; exists after the first call."""
        return self._layers[0].kernel

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return float32 (batch, dimensions).

        Args:
            inputs: float32 (batch, any width) each, or int32 (batch,) of a `OneHot` encoder.
        """
        one_hot = dict(enumerate(self._one_hot_sizes))
        widths = [one_hot.get(number) or values.shape[-1] for number, values in enumerate(inputs)]
        first, *others = self._layers
        if not first.built:
            first.build((None, sum(widths)))
        kernels = tf.split(first.kernel, widths)
        dense = [number for number in range(len(inputs)) if not one_hot.get(number)]
        terms = [tf.gather(kernels[number], inputs[number]) for number, size in one_hot.items() if size]
        if dense:
            values, kernel = ([parts[number] for number in dense] for parts in (inputs, kernels))
            terms.append(tf.matmul(tf.concat(values, axis=-1), tf.concat(kernel, axis=0)))
        outputs = first.activation(tf.add_n(terms) + first.bias)
        for layer in others:
            outputs = layer(outputs)
        return outputs


def prefix_names(prefix: str, variables: dict[str, tf.Variable]) -> dict[str, tf.Variable]:
    """Put a prefix and a dot before each name."""
    return {f"{prefix}.{name}": variable for name, variable in variables.items()}


def embedding_variables(encoders: dict[str, keras.layers.Layer]) -> dict[str, tf.Variable]:
    """The tables of the embeddings among encoders of single inputs, by input."""
    return {
        name: encoder.embeddings for name, encoder in encoders.items() if isinstance(encoder, keras.layers.Embedding)
    }


def _dense_variables(name: str, layer: keras.layers.Dense) -> dict[str, tf.Variable]:
    return {f"{name}.kernel": layer.kernel, f"{name}.bias": layer.bias}


def known_mask(codes: tf.Tensor) -> tf.Tensor:
    """Return 1 where a code is that of a token, 0 where it is missing or unknown: float32 of the same shape."""
    return tf.cast(codes >= FIRST_TOKEN, tf.float32)


def build_encoder(encoding: Encoding, column: FeatureColumn, config: Config) -> keras.layers.Layer:
    """Return the layer that encodes an input with a single value: a number, an id or a category."""
    if column.name in encoding.scales:
        return Number(encoding.scales[column.name], log=column.encoding == "log")
    size = encoding.vocabularies[column.name].size
    return OneHot(size) if column.encoding == "one_hot" else keras.layers.Embedding(size, config.embedding_dimensions)
