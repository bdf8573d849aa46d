"""The blender and the rankers of a release: read and written together, because both must know the same sources."""

import json
from pathlib import Path
from typing import Any, Final

from candidates.ranking.ranker import Ranker
from features.errors import InputError
from features.files import write_json

BLENDER: Final = "blender.json"
POLICIES: Final = ("keep", "drop")  # whether candidate lists keep the items that the user has already bought
_RANKER: Final = "ranker_"
_SOURCES: Final = "sources"


def write_release_models(folder: Path, blender: dict[str, Any], rankers: dict[str, Ranker]) -> None:
    """Write the blender weights and the rankers, both by policy, into the folder of a release.

    Raises:
        ValueError: they do not fit together, and `read_release_models` would refuse them.
    """
    _check_consistent(blender, rankers)
    write_json(folder / BLENDER, blender)
    for policy, ranker in rankers.items():
        ranker.write(folder / f"{_RANKER}{policy}")


def read_release_models(folder: Path, version: str) -> tuple[dict[str, Any], dict[str, Ranker]]:
    """Read the blender weights and the rankers of a release, both by policy.

    Raises:
        InputError: a file is missing or invalid, a policy is unknown, or a ranker has other sources than the blender.
    """
    try:
        blender = json.loads((folder / BLENDER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The {BLENDER} of release {version} cannot be read ({error}): train again.") from error
    rankers = {path.name.removeprefix(_RANKER): Ranker.read(path) for path in sorted(folder.glob(f"{_RANKER}*"))}
    try:
        _check_consistent(blender, rankers)
    except ValueError as error:
        raise InputError(
            f"The blender and the rankers of release {version} are invalid: {error} Train again."
        ) from error
    return blender, rankers


def _check_consistent(blender: Any, rankers: dict[str, Ranker]) -> None:
    try:
        sources = {policy: tuple(weights[_SOURCES]) for policy, weights in blender.items()}
    except (AttributeError, KeyError, TypeError):
        sources = {}
    if set(sources) != set(POLICIES):
        raise ValueError(f"{BLENDER} must hold the sources of {' and '.join(POLICIES)}.")
    for policy, ranker in rankers.items():
        if policy not in POLICIES:
            raise ValueError(f"There is a ranker for '{policy}', expected {' or '.join(POLICIES)}.")
        if ranker.sources != sources[policy]:
            raise ValueError(
                f"The ranker for '{policy}' was trained on the sources {', '.join(ranker.sources) or '(none)'}, but "
                f"its candidates come from {', '.join(sources[policy]) or '(none)'}."
            )
