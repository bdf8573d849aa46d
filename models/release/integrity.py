"""A release's folder against its manifest: nothing missing, nothing added, nothing changed."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from features.errors import InputError

FORMAT: Final = 5
MANIFEST: Final = "manifest.json"


def read_verified_manifest(folder: Path, version: str, needed: tuple[str, ...]) -> dict[str, Any]:
    """Read the manifest of a release whose folder is as it was written.

    Args:
        folder: of the release, with a manifest.
        version: the name that it goes by.
        needed: files without which no release can be asked, as paths within the folder.

    Raises:
        InputError: it is of another format or name, or a file is missing, added or changed.
    """
    manifest = _read_manifest(folder, version)
    if manifest.get("format") != FORMAT:
        raise InputError(
            f"Release {version} has format {manifest.get('format')}, this code reads {FORMAT}: train again."
        )
    if manifest["version"] != version:
        raise InputError(f"Folder {version} holds release {manifest['version']}: a release must keep its name.")
    found = set(files_in(folder)) - {MANIFEST}
    for name in sorted((found ^ set(manifest["files"])) | (set(needed) - found)):
        raise InputError(f"Release {version} is not whole: {name} is {'new' if name in found else 'missing'}.")
    for name, digest in manifest["files"].items():
        if _digest(folder / name) != digest:
            raise InputError(f"Release {version} was changed after it was written: {name} differs from its manifest.")
    return manifest


def files_in(folder: Path) -> dict[str, Path]:
    """All files of a folder by their paths within it, in order."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all files of a folder, by their paths within it."""
    return {name: _digest(path) for name, path in files_in(folder).items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(folder: Path, version: str) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"Release {version} has no readable {MANIFEST}: train again.") from error
    if not isinstance(manifest, dict):
        raise InputError(f"Release {version} has no readable {MANIFEST}: train again.")
    return manifest
