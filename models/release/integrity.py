"""Integrity check of a release folder against its manifest: no file missing, added or changed."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.errors import InputError
from features.files import sha256

FORMAT: Final = 11
MANIFEST: Final = "manifest.json"
DIGEST: Final = "manifest_digest"


def read_verified_manifest(folder: Path, version: str, required: tuple[str, ...]) -> dict[str, Any]:
    """Read the manifest of a release, and check every file of its folder against it.

    Args:
        folder: of the release, with a manifest.
        version: name of the release.
        required: files that every release has, as paths within the folder.

    Raises:
        InputError: the release has another format or name, or a file is missing, added or changed.
    """
    manifest = _read_manifest(folder, version)
    if manifest.get("format") != FORMAT:
        raise InputError(
            f"Release {version} has format {manifest.get('format')!r}, but this version of the code reads format "
            f"{FORMAT}: train again."
        )
    if manifest["version"] != version:
        raise InputError(
            f"Folder {version} holds release {manifest['version']}: rename the folder back, or train again."
        )
    found = set(list_files(folder)) - {MANIFEST}
    for name in sorted((found ^ set(manifest["files"])) | (set(required) - found)):
        raise InputError(
            f"Release {version} is {'not as it was written' if name in found else 'incomplete'}: {name} is "
            f"{'not in its manifest' if name in found else 'missing'}. Restore the folder, or train again."
        )
    for name, digest in manifest["files"].items():
        if sha256(folder / name) != digest:
            raise InputError(
                f"Release {version} was changed after it was written: {name} differs from its manifest. Restore the "
                "folder, or train again."
            )
    if manifest.get(DIGEST) != manifest_digest(manifest):
        raise InputError(
            f"The {MANIFEST} of release {version} was changed after it was written. Restore the folder, or train again."
        )
    return manifest


def manifest_digest(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest without its own digest, in hex digits."""
    content = {name: value for name, value in manifest.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_finite(numbers: Any, version: str, name: str) -> None:
    """Check that no number of a release is NaN or infinite: scores that are not numbers have no order.

    Args:
        numbers: an array, a number, or dictionaries and lists of them; anything else is passed over.
        version: name of the release.
        name: of the file, for the message.

    Raises:
        InputError: a number is not finite.
    """
    if isinstance(numbers, dict | list):
        for each in numbers.values() if isinstance(numbers, dict) else numbers:
            check_finite(each, version, name)
    elif isinstance(numbers, float | np.ndarray) and not np.isfinite(numbers).all():
        raise InputError(f"Release {version} holds a value in {name} that is no finite number: train again.")


def list_files(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by their paths within it, sorted; without the hidden files of file managers."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path for path in files if not _is_hidden(path)}


def _is_hidden(path: Path) -> bool:
    """Return whether a file is one that macOS, Windows or a network drive leaves in a folder; nothing reads them."""
    return path.name.startswith(".") or path.name in {"Thumbs.db", "desktop.ini"}


def file_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files of a folder, by their paths within it."""
    return {name: sha256(path) for name, path in list_files(folder).items()}


def _read_manifest(folder: Path, version: str) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"The {MANIFEST} of release {version} is not valid JSON ({error}): train again.") from error
    if not isinstance(manifest, dict):
        raise InputError(f"The {MANIFEST} of release {version} is not a JSON object: train again.")
    return manifest
