"""Atomic writes of files and folders, and JSON."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block succeeds.

    An existing file is replaced atomically. An existing folder is replaced by two renames; if the second fails, the
    first is undone. On an exception the temporary path is deleted and `path` is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary, old = workspace / path.name, workspace / "replaced"
    try:
        yield temporary
        if path.is_dir():
            path.rename(old)
            try:
                temporary.rename(path)
            except OSError:
                old.rename(path)
                raise
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write indented JSON in UTF-8."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
