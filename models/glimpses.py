"""Parts of lists, for training."""

import tensorflow as tf
import tf_keras as keras


class Glimpses(keras.layers.Layer):
    """In training, shows a share of each list's places, drawn at random; in serving, everything.

    What is left out would be zero by dropout, which teaches the same: nobody is to be known by his whole list. But what
    is left out here is not looked up either, and that is most of the work. Whoever adds up what is shown multiplies it
    by `scale`, as dropout does.

    Args:
        lists: names of inputs that go together, the same places of which are shown.
        dropout: the share that is left out.
    """

    def __init__(self, lists: list[list[str]], dropout: float) -> None:
        super().__init__()
        self._lists = lists
        self._dropout = dropout

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> dict[str, tf.Tensor]:
        """Return the inputs, with shorter lists (batch, about (1 - dropout) x length, at least 1)."""
        shown = dict(codes)
        for names in self._lists if training and self._dropout else ():
            length = codes[names[0]].shape[1]
            kept = max(1, round(length * (1 - self._dropout)))
            places = tf.math.top_k(tf.random.uniform(tf.shape(codes[names[0]])), kept, sorted=False).indices
            for name in names:
                shown[name] = tf.gather(codes[name], places, batch_dims=1)
        return shown

    def scale(self, *, training: bool | None) -> float:
        """By how much what is shown stands for more."""
        return 1.0 / (1.0 - self._dropout) if training else 1.0
