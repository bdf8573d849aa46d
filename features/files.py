"""Outputs are written whole or not at all."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file or folder name beside `path`; put it in place only if the block succeeds.

    A file replaces the old one atomically. A folder takes the old one's place by two renames; if the second
    fails, the first is undone. On any exception the temporary name is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    fresh, old = workspace / path.name, workspace / "replaced"
    try:
        yield fresh
        if path.is_dir():
            path.rename(old)
            try:
                fresh.rename(path)
            except OSError:
                old.rename(path)
                raise
        else:
            fresh.replace(path)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that people can read."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
