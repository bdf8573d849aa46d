"""By what a release orders candidates: weights of their sources, and rankers that know the same sources."""

import json
from pathlib import Path
from typing import Any, Final

from candidates.ranking.ranker import Ranker
from features.errors import InputError
from features.files import write_json

BLENDER: Final = "blender.json"
POLICIES: Final = ("keep", "drop")  # what is listed with and without what a user bought before
_RANKER: Final = "ranker_"
_SOURCES: Final = "sources"


def write_release_models(folder: Path, blender: dict[str, Any], rankers: dict[str, Ranker]) -> None:
    """Write weights and rankers, both by policy, into the folder of a release.

    Raises:
        ValueError: they do not fit together, and could not be read again.
    """
    _require_fit(blender, rankers)
    write_json(folder / BLENDER, blender)
    for policy, ranker in rankers.items():
        ranker.write(folder / f"{_RANKER}{policy}")


def read_release_models(folder: Path, version: str) -> tuple[dict[str, Any], dict[str, Ranker]]:
    """Read what `write_release_models` wrote.

    Raises:
        InputError: a file is missing or is of something else, a policy is not known, or a ranker knows other sources
            than the weights.
    """
    try:
        blender = json.loads((folder / BLENDER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The {BLENDER} of release {version} cannot be read ({error}): train again.") from error
    rankers = {path.name.removeprefix(_RANKER): Ranker.read(path) for path in sorted(folder.glob(f"{_RANKER}*"))}
    try:
        _require_fit(blender, rankers)
    except ValueError as error:
        raise InputError(f"Release {version} cannot order candidates: {error} Train again.") from error
    return blender, rankers


def _require_fit(blender: Any, rankers: dict[str, Ranker]) -> None:
    try:
        sources = {policy: tuple(weights[_SOURCES]) for policy, weights in blender.items()}
    except (AttributeError, KeyError, TypeError):
        sources = {}
    if set(sources) != set(POLICIES):
        raise ValueError(f"{BLENDER} must name the sources of {' and '.join(POLICIES)}.")
    for policy, ranker in rankers.items():
        if policy not in POLICIES:
            raise ValueError(f"There is a ranker for '{policy}', which is none of {', '.join(POLICIES)}.")
        if ranker.sources != sources[policy]:
            raise ValueError(
                f"The ranker for '{policy}' knows the sources {', '.join(ranker.sources) or 'none'}, and its "
                f"candidates are of {', '.join(sources[policy]) or 'none'}."
            )
