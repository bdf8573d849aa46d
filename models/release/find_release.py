"""Finds a release by its name. Reads nothing else, so that a missing release is reported at once."""

import re
from pathlib import Path
from typing import Final

from features.errors import InputError, path_error
from models.release.integrity import MANIFEST

LATEST: Final = "LATEST"
_SHOWN_CHARACTERS: Final = 40
VERSION_PATTERN: Final = r"[0-9]{8}-[a-z0-9_]{1,40}-[0-9a-f]{8}"
_VERSION: Final = re.compile(VERSION_PATTERN)


def find_release(releases: Path, version: str | None = None) -> Path:
    """Return the folder of a release, of the current one if no version is given.

    Raises:
        InputError: the name, or what `LATEST` holds, is invalid, or there is no such release.
    """
    version = version or _read_latest(releases)
    if not _VERSION.fullmatch(version):
        raise InputError(f"'{version}' is not a release name: expected a name like 20171225-default-0a1b2c3d.")
    folder = releases / version
    if not (folder / MANIFEST).is_file():
        existing = sorted(path.parent.name for path in releases.glob(f"*/{MANIFEST}"))
        remedy = f"choose one of {', '.join(existing)}" if existing else "run `python jobs/train.py` first"
        raise InputError(f"There is no release {version} in {releases}: {remedy}.")
    return folder


def _read_latest(releases: Path) -> str:
    if not (releases / LATEST).is_file():
        raise InputError(f"There is no release in {releases}: run `python jobs/train.py` first.")
    version = _text_of_latest(releases / LATEST).strip()
    if not version:
        raise InputError(f"{releases / LATEST} is empty: write the name of a release into it, or pass one.")
    if not _VERSION.fullmatch(version):
        raise InputError(
            f"{releases / LATEST}: {version[:_SHOWN_CHARACTERS]!r} is not a release name: write a name like "
            "20171225-default-0a1b2c3d into it, or pass one."
        )
    return version


def _text_of_latest(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise path_error(path, error, "read") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: write the name of a release into it, or pass one.") from error
