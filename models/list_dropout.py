"""Parts of lists, for training."""

import tensorflow as tf
import tf_keras as keras


class ListDropout(keras.layers.Layer):
    """In training, shows a share of each list's places, drawn at random; in serving, everything.

    What is left out would be zero by dropout, which teaches the same: nobody is to be known by his whole list. But what
    is left out here is not looked up either, and that is most of the work.

    Args:
        lists: names of inputs that go together, the same places of which are shown; the first is the list's own.
        dropout: the share that is left out.
    """

    def __init__(self, lists: list[list[str]], dropout: float) -> None:
        super().__init__()
        self._lists = lists
        self._dropout = dropout

    def call(
        self, codes: dict[str, tf.Tensor], training: bool | None = None
    ) -> tuple[dict[str, tf.Tensor], dict[str, float]]:
        """Return the inputs, with shorter lists (batch, about (1 - dropout) x length, at least 1), and their scales.

        A scale is how many places each shown one stands for: whoever adds them up multiplies by it, as dropout does.
        """
        shown, scales = dict(codes), {names[0]: 1.0 for names in self._lists}
        for names in self._lists if training and self._dropout else ():
            length = codes[names[0]].shape[1]
            kept = max(1, round(length * (1 - self._dropout)))
            places = tf.math.top_k(tf.random.uniform(tf.shape(codes[names[0]])), kept, sorted=False).indices
            for name in names:
                shown[name] = tf.gather(codes[name], places, batch_dims=1)
            scales[names[0]] = length / kept
        return shown, scales
