"""Approximate indexes on disk, beside the releases: written whole, verified, switched, rolled back.

    <releases>/indexes/<release>/
      CURRENT.json        the names of the current and of the previous index
      <fingerprint>/      an index: index.json, and the files of its searchers

A release never changes, and its integrity check refuses other files in its folder, so that indexes lie beside it.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from candidates.approximate_index import ApproximateIndex, read_settings
from candidates.index import ItemIndex
from features.errors import InputError, path_error
from features.files import atomic_write, write_json
from features.locks import writer_lock
from models.release.integrity import file_digests, manifest_digest
from models.release.release import Release

INDEXES: Final = "indexes"
CURRENT: Final = "CURRENT.json"
DESCRIPTION: Final = "index.json"
FORMAT: Final = 1
_FINGERPRINT_DIGITS: Final = 16
_BUILD: Final = "run `python jobs/index_items.py --engine approximate`"
_SCRATCH: Final = "."


@dataclass(frozen=True)
class Names:
    """The names of the index that is used and of the one before it, if there are any."""

    current: str | None = None
    previous: str | None = None


def index_folder(releases: Path, version: str) -> Path:
    """Return the folder of the indexes of a release."""
    return releases / INDEXES / version


def write_index(
    releases: Path,
    release: Release,
    index: ApproximateIndex,
    created: datetime,
    **details: Any,
) -> str:
    """Write an index of a release, make it the current one, and delete those before the previous one.

    If the process is killed, the earlier index stays the current one, and the next call removes what is left.

    Args:
        releases: folder of the releases.
        release: of which the index was built.
        index: with the efforts that were chosen, and the recall that was measured.
        created: for the description, UTC.
        details: JSON-ready, for the description.

    Returns:
        The name of the index.

    Raises:
        InputError: the folder cannot be written to, or another process writes an index of this release.
    """
    folder = index_folder(releases, release.version)
    with writer_lock(folder, f"The indexes of release {release.version}"):
        names = read_names(folder)
        with atomic_write(folder / "new") as workspace:
            workspace.mkdir()
            index.write(workspace)
            description = {
                "format": FORMAT,
                "engine": "approximate",
                "release": release.version,
                "content_digest": release.manifest["content_digest"],
                "created": created.isoformat(),
                "items": len(index),
                "items_as_of": release.as_of.isoformat(),
                **index.settings,
                **details,
                "files": file_digests(workspace),
            }
            digest = manifest_digest(description)
            write_json(workspace / DESCRIPTION, {**description, "manifest_digest": digest})
        name = digest[:_FINGERPRINT_DIGITS]
        _replace(folder / "new", folder / name)
        _switch(folder, Names(name, names.current if names.current != name else names.previous))
    return name


def roll_back(releases: Path, version: str) -> str:
    """Make the previous index of a release the current one, and the current one the previous; return its name.

    Raises:
        InputError: there is no previous index.
    """
    folder = index_folder(releases, version)
    if not folder.is_dir():
        raise InputError(f"Release {version} has no index in {folder}: {_BUILD}.")
    with writer_lock(folder, f"The indexes of release {version}"):
        names = read_names(folder)
        if names.previous is None:
            raise InputError(f"Release {version} has no previous index in {folder}: {_BUILD}.")
        _switch(folder, Names(names.previous, names.current))
    return names.previous


def read_index(releases: Path, release: Release, items: ItemIndex) -> ApproximateIndex:
    """Read and verify the current index of a release.

    Args:
        releases: folder of the releases.
        release: the release.
        items: its item vectors.

    Raises:
        InputError: there is none, it is of another release, or a file is missing, added or changed.
    """
    folder = index_folder(releases, release.version)
    name = read_names(folder).current
    if name is None:
        raise InputError(f"Release {release.version} has no index in {folder}: {_BUILD}, or choose --engine exact.")
    path = folder / name
    description = _read_description(path)
    if description.get("format") != FORMAT:
        raise InputError(
            f"The index {path} has format {description.get('format')!r}, but this version of the code reads format "
            f"{FORMAT}: {_BUILD}."
        )
    if description["release"] != release.version or description["content_digest"] != release.manifest["content_digest"]:
        raise InputError(
            f"The index {path} was built from release {description['release']} ({description['content_digest'][:8]}), "
            f"not from release {release.version} ({release.manifest['content_digest'][:8]}): {_BUILD}."
        )
    found = file_digests(path)
    found.pop(DESCRIPTION)
    for file in sorted(found.keys() | description["files"].keys()):
        if found.get(file) != description["files"].get(file):
            state = "missing" if file not in found else "changed" if file in description["files"] else "added"
            raise InputError(f"The index {path} is not as it was written: {file} is {state}. {_BUILD.capitalize()}.")
    try:
        return ApproximateIndex.read(path, items, *read_settings(description))
    except ValueError as error:
        raise InputError(f"The index {path} does not fit release {release.version} ({error}): {_BUILD}.") from error


def read_names(folder: Path) -> Names:
    """Read which indexes a folder holds.

    Raises:
        InputError: the file cannot be read, or names an index that does not exist.
    """
    path = folder / CURRENT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = Names(content["current"], content["previous"])
    except FileNotFoundError:
        return Names()
    except OSError as error:
        raise path_error(path, error, "read") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not name the current index: delete {folder}, and {_BUILD}.") from error
    for name in (names.current, names.previous):
        if name is not None and not (_is_fingerprint(name) and (folder / name).is_dir()):
            raise InputError(f"{path} names an index that does not exist: delete {folder}, and {_BUILD}.")
    return names


def _is_fingerprint(name: Any) -> bool:
    return isinstance(name, str) and len(name) == _FINGERPRINT_DIGITS and set(name) <= set("0123456789abcdef")


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The {DESCRIPTION} of index {path} cannot be read ({error}): {_BUILD}.") from error
    if not isinstance(description, dict) or description.get("manifest_digest") != manifest_digest(description):
        raise InputError(f"The {DESCRIPTION} of index {path} was changed after it was written: {_BUILD}.")
    return description


def _replace(new: Path, path: Path) -> None:
    if path.is_dir():  # the same build in the same moment
        shutil.rmtree(new)
    else:
        new.rename(path)


def _switch(folder: Path, names: Names) -> None:
    """Write which index is the current one, and delete all that are not named."""
    with atomic_write(folder / CURRENT) as file:
        write_json(file, {"current": names.current, "previous": names.previous})
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith(_SCRATCH) and path.name not in {names.current, names.previous}:
            shutil.rmtree(path)
