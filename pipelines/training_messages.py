"""What a training reports: epochs, baselines, diversity of the vectors; and nested trainings as details."""

from evaluation.diagnostics import VectorDiversity
from evaluation.validation_window import WindowMetrics
from features.progress import Advance, Reporter
from models.training.history import Epoch


class DetailReporter:
    """Reports stages and results of a nested training as details of the outer one.

    Args:
        reporter: of the outer training.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def stage(self, name: str) -> None:
        """Report a stage as a detail."""
        self._reporter.detail(name)

    def metrics(self, text: str) -> None:
        """Report a result as a detail."""
        self._reporter.detail(text)

    def detail(self, text: str) -> None:
        """Report a diagnostic."""
        self._reporter.detail(text)

    def progress(self, label: str, total: int) -> Advance:
        """Open a progress bar of the outer training."""
        return self._reporter.progress(label, total)


def epoch_line(epoch: Epoch) -> str:
    """Return a line with the loss and the recalls of a finished epoch, or with its faults."""
    return f"epoch {epoch.number}, loss {epoch.loss:.4f}: {recalls(epoch.window_metrics)}"


def baseline_line(name: str, window_metrics: WindowMetrics) -> str:
    """Return a line with the recalls of a baseline."""
    return f"{name}: {recalls(window_metrics)}"


def diversity_line(diversities: dict[str, VectorDiversity]) -> str:
    """Return a line with the diversity of the query vectors, by which a collapse is recognized."""
    parts = [
        f"{name}: mean cosine {diversity.mean_cosine:.3f}, effective rank {diversity.effective_rank:.1f} of "
        f"{diversity.dimensions}, {diversity.distinct_items:,} items in the top {diversity.k} of "
        f"{diversity.queries:,} users"
        for name, diversity in diversities.items()
    ]
    return "; ".join(parts) or "no vectors to compare"


def recalls(window_metrics: WindowMetrics) -> str:
    """Return the recalls of a model on all purchases and on new items, or its faults."""
    if window_metrics.failed_checks:
        return f"invalid: {' '.join(window_metrics.failed_checks)}"
    parts = [f"recall@{k} {shown(value)}" for k, value in window_metrics.recalls.items()]
    if window_metrics.new_item_recall is not None:
        parts.append(f"recall@{max(window_metrics.recalls)} of new items {shown(window_metrics.new_item_recall)}")
    return ", ".join(parts)


def shown(value: float | None) -> str:
    """Return a metric with four digits, "-" if there is none.

    Exactly 0 or 1 hints at a flaw of the window rather than at the quality of the model, and is written out.
    """
    if value is None:
        return "-"
    return {0.0: "none hit", 1.0: "all hit"}.get(value, f"{value:.4f}")
