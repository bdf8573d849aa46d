"""Dropout of list positions."""

import tensorflow as tf
import tf_keras as keras


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
