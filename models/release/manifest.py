"""What a manifest tells of how a release came about."""

from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from features.training_data.dataset import Dataset
from models.config import Config

_LIBRARIES = (
    "feast", "tensorflow", "tensorflow-recommenders", "tf-keras", "duckdb", "pyarrow", "pandas", "numpy",
)  # fmt: skip
REQUEST_SERVICES: Final = "request_services"
RANKER_TRAINED_UNTIL: Final = "ranker_trained_until"


def manifest_fields(
    config: Config,
    *,
    filters: dict[str, Any],
    ranker_trained_until: dict[str, str],
    request_services: dict[str, str],
    seed: int,
    data: Dataset,
    commit: str | None,
    seconds: dict[str, float],
    refit: tuple[datetime, int],
    earlier: str | None = None,
) -> dict[str, Any]:
    """Return JSON-ready values: settings of towers and filters, seed, commit, rows, seconds and library versions.

    `ranker_trained_until` is the end of each ranker's training data, by policy; `request_services` are the fingerprints
    of the services that a request reads beside the towers' own, by name; `refit` is the first moment and the number of
    purchases of the refit; `earlier` is the release of the warm start.
    """
    return {
        "warm_start_from": earlier,
        "config": config.to_json(),
        "filters": filters,
        RANKER_TRAINED_UNTIL: ranker_trained_until,
        REQUEST_SERVICES: request_services,
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
