"""The course of a training, epoch by epoch."""

from dataclasses import dataclass

from evaluation.validation_window import WindowMetrics


@dataclass(frozen=True)
class Epoch:
    """One line of the training curve.

    Attributes:
        number: from 1.
        loss: mean over the batches of what was made small, weighted by their purchases.
        window_metrics: what the validation week said.
    """

    number: int
    loss: float
    window_metrics: WindowMetrics


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs of a training, and which of them was kept.

    Attributes:
        epochs: in order.
        best: the one with the highest recall at the largest cut-off that was no fault.
    """

    epochs: tuple[Epoch, ...]
    best: Epoch
