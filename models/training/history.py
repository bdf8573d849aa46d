"""Training history: loss and validation metrics of each epoch."""

from dataclasses import dataclass

from evaluation.validation_window import WindowMetrics


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        number: from 1.
        loss: mean training loss over the batches, weighted by their purchases.
        window_metrics: metrics of the window after the training days, after the epoch.
    """

    number: int
    loss: float
    window_metrics: WindowMetrics


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs of a training.

    Attributes:
        epochs: in order.
        best: the epoch whose weights were kept: all checks passed, and the highest recall at the largest cut-off.
    """

    epochs: tuple[Epoch, ...]
    best: Epoch
