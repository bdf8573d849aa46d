"""The refit: one more pass over the most recent days, the validation window included, before the release."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evaluation.diagnostics import VectorDiversity
from features.errors import InputError
from features.progress import SILENT, Reporter, Stopwatch
from features.store.service_schema import TowerSchemas
from models.config import Config
from models.towers import Towers
from models.training.loop import fine_tune
from pipelines.train_towers import TrainedTowers
from pipelines.training_messages import diversity_line


@dataclass(frozen=True)
class Refit:
    """Towers trained up to the moment of their release.

    Attributes:
        towers: the towers to be released.
        since: first moment of the refit days, UTC.
        purchases: number of purchases in these days.
        seconds: of fitting.
        diversities: of the query vectors for the users of the validation window, by query name.
    """

    towers: Towers
    since: datetime
    purchases: int
    seconds: float
    diversities: dict[str, VectorDiversity]


def refit_towers(
    trained: TrainedTowers, config: Config, folder: Path, *, seed: int, reporter: Reporter = SILENT
) -> Refit:
    """Train the validated towers for one more pass over the last `config.refit_days` before the release.

    The epoch and the source weights are chosen by then, so the validation window is free for training, and it holds the
    most recent purchases. Days before the start of the training split stay out.

    Args:
        trained: the towers as validated, and the training set of the refit.
        config: settings of the towers.
        folder: for large files; it must not exist yet.
        seed: of shuffling, dropout and the initial weights of new tokens.
        reporter: receives the number of purchases and the diversity of the vectors.

    Raises:
        InputError: the vectors have collapsed after the refit.
    """
    watch = Stopwatch()
    kept, rows, split = trained.towers, trained.training_sets[-1], trained.stages.refit
    towers = fine_tune(
        rows, TowerSchemas(kept.query.schema, kept.item.schema), config, folder, seed=seed, progress=reporter.progress,
        label="refit", earlier=kept.checkpoint,
    )  # fmt: skip
    # Recall in the validation window means nothing now: the towers have been trained on it.
    collapse = trained.validation.check_collapse(towers)
    since = split.start or split.cut
    if collapse.failed_checks:
        raise InputError(
            f"No release was written: after the refit on the days since {since:%Y-%m-%d} the vectors have collapsed: "
            f"{' '.join(collapse.failed_checks)} Try another --seed, or a lower learning rate in models/config.py."
        )
    number = int(rows.purchases_per_day.sum())
    reporter.metrics(f"{number:,} purchases since {since:%Y-%m-%d}")
    reporter.detail(diversity_line(collapse.diversities))
    return Refit(towers, since, number, watch.seconds, collapse.diversities)
