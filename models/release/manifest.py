"""The part of the manifest that records how a release was trained."""

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from features.time_split import TimeSplit
from models.config import Config

_LIBRARIES = (
    "feast", "tensorflow", "tensorflow-recommenders", "tf-keras", "duckdb", "pyarrow", "pandas", "numpy",
)  # fmt: skip
REQUEST_SERVICES: Final = "request_services"
RANKER_TRAINED_UNTIL: Final = "ranker_trained_until"
STAGES: Final = "training_stages"
REFRESHED_FROM: Final = "refreshed_from"
# What `manifest_fields` returns, in its order.
_FIELDS: Final = (
    "warm_start_from", "config", "filters", RANKER_TRAINED_UNTIL, REQUEST_SERVICES, "feature_tables", STAGES,
    "refit_start", "seed", "commit", "rows", "seconds", "libraries",
)  # fmt: skip


def manifest_fields(
    config: Config,
    *,
    filters: dict[str, Any],
    ranker_trained_until: dict[str, str],
    request_services: dict[str, str],
    feature_tables: dict[str, str],
    seed: int,
    rows: dict[str, int],
    commit: str | None,
    seconds: dict[str, float],
    stages: Sequence[TimeSplit],
    refit_start: datetime,
    earlier: str | None = None,
) -> dict[str, Any]:
    """Return JSON-ready values, library versions included.

    Args:
        config: settings of the towers.
        filters: JSON-ready filter settings, applied to every request that brings no others.
        ranker_trained_until: moment before which lie all training data of a ranker, ISO 8601, by policy.
        request_services: fingerprints, by name, of the feature services that requests read besides the towers' own.
        feature_tables: SHA-256 of the feature table of each view.
        seed: of the training.
        rows: numbers of purchases, queries and sampled items, by name.
        commit: of the code; None if unknown.
        seconds: duration of each stage.
        stages: training days of each stage before the cut, in order.
        refit_start: first moment of the refit, UTC.
        earlier: version of the release that a warm start began with.
    """
    return {
        "warm_start_from": earlier,
        "config": config.to_json(),
        "filters": filters,
        RANKER_TRAINED_UNTIL: ranker_trained_until,
        REQUEST_SERVICES: request_services,
        "feature_tables": feature_tables,
        STAGES: [
            {"start": split.start.isoformat() if split.start else None, "end": split.cut.isoformat()}
            for split in stages
        ],
        "refit_start": refit_start.isoformat(),
        "seed": seed,
        "commit": commit,
        "rows": rows,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def trained_fields(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a manifest that `manifest_fields` returned when the release was trained."""
    return {name: manifest[name] for name in _FIELDS if name in manifest}
