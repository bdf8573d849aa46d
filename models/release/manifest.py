"""What a manifest tells of how a release came about."""

from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from features.training_data.dataset import Dataset
from models.config import Config

_LIBRARIES = (
    "feast", "tensorflow", "tensorflow-recommenders", "tf-keras", "duckdb", "pyarrow", "pandas", "numpy",
)  # fmt: skip
SERVING: Final = "serving"
RANKED_UNTIL: Final = "ranked_until"


def facts(
    config: Config,
    *,
    filters: dict[str, Any],
    ranked_until: dict[str, str],
    serving: dict[str, str],
    seed: int,
    data: Dataset,
    commit: str | None,
    seconds: dict[str, float],
    refit: tuple[datetime, int],
    earlier: str | None = None,
) -> dict[str, Any]:
    """Return JSON-ready values: settings of towers and filters, seed, commit, rows, seconds and library versions.

    `ranked_until` tells up to which moment each ranker has learned, by policy; `serving` are the fingerprints of the
    services that are asked for candidates beside the towers' own, by name; `refit` tells since when, and how many,
    purchases were learned from after the choice of the epoch, `earlier` the release from which the training went on.
    """
    return {
        "from": earlier,
        "config": config.to_json(),
        "filters": filters,
        RANKED_UNTIL: ranked_until,
        SERVING: serving,
        "refit_start": refit[0].isoformat(),
        "seed": seed,
        "commit": commit,
        "rows": {
            "purchases_before_cut": data.purchases.before,
            "purchases_trained": data.purchases.training,
            "purchases_validated": data.purchases.validation,
            "purchases_refitted": refit[1],
            "queries": data.training.queries.num_rows,
            "sampled_items": data.training.sampled_items.num_rows,
        },
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "libraries": {name: version(name) for name in _LIBRARIES},
    }
