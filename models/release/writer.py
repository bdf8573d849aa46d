"""Writing a release, and making it the current one."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError
from features.files import atomic_write, sha256, write_json
from features.schema import ITEM_ID
from models.release.find_release import LATEST
from models.release.integrity import DIGEST, FORMAT, MANIFEST, file_digests, manifest_digest
from models.release.release import (
    ARRAYS,
    GOLDEN_QUERIES,
    ITEM_CONTENTS,
    ITEM_IDS,
    METRICS,
    SERVED,
    USER_NEIGHBOURS,
    VALIDATED,
    Release,
    load_release,
)
from models.release.release_contents import ReleaseContents, content_digest
from models.release.release_models import write_release_models

_logger = logging.getLogger(__name__)


def write_release(
    releases: Path,
    contents: ReleaseContents,
    created: datetime,
    write_golden_queries: Callable[[Release, Path], None] | None = None,
) -> str:
    """Write a release, and return its version; `make_latest` makes it the current one.

    The version ends in a digest of everything that determines how the release behaves: equal seeds and settings give
    equal versions. An existing release of this version is left untouched, because it may be in use; only a damaged one
    is replaced.

    Args:
        releases: folder of all releases.
        contents: of the release.
        created: for the manifest, UTC.
        write_golden_queries: writes a file into the folder of the release, which it gets as it will be served; None for
            a release without.

    Raises:
        InputError: there is a release of this version with other contents.
    """
    digest = content_digest(contents)
    version = f"{contents.split.as_of:%Y%m%d}-{contents.manifest_fields['config']['preset']}-{digest[:8]}"
    if _exists(releases / version, digest):
        _logger.info("release %s exists with the same contents and is not written again", version)
        return version
    with atomic_write(releases / version) as folder:
        folder.mkdir()
        for name, checkpoint in ((SERVED, contents.served), (VALIDATED, contents.validated)):
            (folder / name).mkdir()
            checkpoint.write(folder / name)
        pq.write_table(pa.table({ITEM_ID: contents.item_ids}), folder / ITEM_IDS, compression="zstd")
        item_contents = contents.item_vectors[:, : contents.manifest_fields["config"]["content_dimensions"]]
        np.save(folder / f"{ITEM_CONTENTS}.npy", item_contents, allow_pickle=False)
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", contents.arrays[name], allow_pickle=False)
        write_release_models(folder, contents.blender, contents.rankers)
        contents.neighbours.write(folder / USER_NEIGHBOURS)
        write_json(folder / METRICS, contents.metrics)
        manifest = {
            "format": FORMAT,
            "version": version,
            "created": created.isoformat(),
            "as_of": contents.split.as_of.isoformat(),
            "cut": contents.split.cut.isoformat(),
            "training_start": contents.split.start.isoformat() if contents.split.start else None,
            "content_digest": digest,
            "services": {
                side: {**schema.to_json(), "fingerprint": schema.fingerprint}
                for side, schema in (("query", contents.served.query.schema), ("item", contents.served.item.schema))
            },
            "items": len(contents.item_ids),
            **contents.manifest_fields,
            "files": file_digests(folder),
        }
        write_json(folder / MANIFEST, {**manifest, DIGEST: manifest_digest(manifest)})
        if write_golden_queries is not None:
            write_golden_queries(load_release(folder.parent, version), folder)
            manifest["files"][GOLDEN_QUERIES] = sha256(folder / GOLDEN_QUERIES)
            write_json(folder / MANIFEST, {**manifest, DIGEST: manifest_digest(manifest)})
    return version


def make_latest(releases: Path, version: str) -> None:
    """Make a release the current one."""
    with atomic_write(releases / LATEST) as latest:
        latest.write_text(version + "\n", encoding="utf-8")


def _exists(folder: Path, digest: str) -> bool:
    """Return whether the folder holds an undamaged release with these contents."""
    try:
        manifest = load_release(folder.parent, folder.name).manifest
    except (OSError, KeyError, TypeError, ValueError):  # what cannot be served is to be replaced
        return False
    if manifest["content_digest"] != digest:
        raise InputError(f"{folder} holds a release with other contents: move it away, and train again.")
    return True
