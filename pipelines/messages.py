"""What jobs print of numbers."""

from datetime import datetime

from tabulate import tabulate

from evaluation.diagnostics import VectorDiversity
from evaluation.validation_window import WindowMetrics
from models.training.history import Epoch, TrainingHistory


def variety_line(diversities: dict[str, VectorDiversity]) -> str:
    """One line on whether the query vectors are different from each other."""
    told = [
        f"{name}: mean cosine {of.mean_cosine:.3f}, effective rank {of.effective_rank:.1f} of {of.dimensions}, "
        f"{of.distinct_items:,} items in the top {of.k} of {of.queries:,} users"
        for name, of in diversities.items()
    ]
    return f"  {'; '.join(told) or 'no vectors to compare'}"


def refit_line(since: datetime, purchases: int, diversities: dict[str, VectorDiversity]) -> str:
    """Lines for what is going to be released."""
    return f"refit on {purchases:,} purchases since {since:%Y-%m-%d}\n{variety_line(diversities)}"


def epoch_line(epoch: Epoch) -> str:
    """One line for a finished epoch: its recalls, or why they are none."""
    return f"epoch {epoch.number}, loss {epoch.loss:.4f}: {recalls(epoch.window_metrics)}"


def baseline_line(name: str, window_metrics: WindowMetrics) -> str:
    """One line for a simple list."""
    return f"{name}: {recalls(window_metrics)}"


def recalls(window_metrics: WindowMetrics) -> str:
    """A judgement in words."""
    if window_metrics.failed_checks:
        return f"FAULT. {' '.join(window_metrics.failed_checks)}"
    told = [f"recall@{k} {_shown(value)}" for k, value in window_metrics.recalls.items()]
    if window_metrics.new_item_recall is not None:
        told.append(f"recall@{max(window_metrics.recalls)} of new items {_shown(window_metrics.new_item_recall)}")
    return ", ".join(told)


def recall_table(
    preset: str, training_history: TrainingHistory, baselines: dict[str, WindowMetrics], users: int
) -> str:
    """The kept epoch beside the simple lists, on the same users and the whole catalogue."""
    judged = {
        f"two towers, preset {preset} (epoch {training_history.best.number})": training_history.best.window_metrics,
        **baselines,
    }
    cutoffs = list(training_history.best.window_metrics.recalls)
    header = ["", *(f"recall@{k}" for k in cutoffs), "95 % interval", *(f"recall@{k} new items" for k in cutoffs)]
    body = [
        [
            name,
            *(_shown(window_metrics.recalls[k]) for k in cutoffs),
            "{:.3f}-{:.3f}".format(*window_metrics.interval or (0, 0)),
            *(_shown(window_metrics.new_item_recalls.get(k)) for k in cutoffs),
        ]
        for name, window_metrics in judged.items()
    ]
    table = tabulate(body, headers=header, disable_numparse=True)
    best, k = training_history.best.window_metrics, max(cutoffs)
    return (
        f"\nThe days after the cut, {users:,} users, whole catalogue:\n\n{table}\n\n"
        f"Dropping what a user bought before takes recall@{k} from {best.recall:.4f} "
        f"to {best.excluding_bought_recalls[k]:.4f}.\n"
    )


def _shown(recall: float | None) -> str:
    """A recall of exactly 0 or 1 says more about the question than about the answer: it is not shown as a number."""
    if recall is None:
        return "-"
    return {0.0: "none hit", 1.0: "all hit"}.get(recall, f"{recall:.4f}")
