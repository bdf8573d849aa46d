"""The items of a release in OpenSearch: written, measured against the exact search, switched to, and searched."""

import contextlib
import hashlib
import re
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from candidates.approximate_index import ApproximateIndex, read_settings
from candidates.index import ItemIndex
from candidates.opensearch.connection import BUILD, Connection
from candidates.opensearch.item_index import clean_up, delete_index, read_current, switch_alias, write_index
from candidates.opensearch.searcher import OpenSearchSearcher
from features.errors import InputError
from features.progress import Reporter
from features.schema import GARMENT_GROUP_NAME
from features.store.request_services import CANDIDATE_ITEMS
from models.release.release import Release
from pipelines.index_items import choose_efforts
from pipelines.serving import CandidatePipeline

ALIAS: Final = "feast-two-tower-items"
FORMAT: Final = 1
_FINGERPRINT_DIGITS: Final = 16
# What filters can read in the server beside the vectors, and its type there.
_METADATA: Final[dict[str, type]] = {
    "for_sale": bool,
    "channels": list,
    "minimum_age": float,
    "product_type_name": str,
    "department_name": str,
    GARMENT_GROUP_NAME: str,
}


def connect(url: str | None, alias: str | None) -> tuple[Connection, str]:
    """Return a connection to a server, and the alias of its index.

    Args:
        url: of the server; None for the environment's.
        alias: of the index; None for `ALIAS`.

    Raises:
        InputError: the alias is not valid, or the server cannot be used.
    """
    checked = check_alias(alias or ALIAS)
    return Connection.open(url), checked


def check_alias(alias: str) -> str:
    """Return an alias that can be a part of index names.

    Raises:
        InputError: it cannot.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", alias):
        raise InputError(
            f"The alias {alias!r} must begin with a lower-case letter, followed by at most 63 of a-z, 0-9, _ and -."
        )
    return alias


def index_in_opensearch(
    pipeline: CandidatePipeline,
    connection: Connection,
    alias: str,
    queries: dict[int, NDArray[np.float32]],
    min_recall: float,
    created: datetime,
    details: dict[str, Any],
    reporter: Reporter,
    *,
    replicas: int = 0,
) -> tuple[str, ApproximateIndex]:
    """Write the items of a release into a new index, and let the alias name it if it reaches a recall.

    Until then the earlier index stays the current one; the new one is deleted if anything fails before the switch, and
    by the next run if this one is killed. The index before the current one is kept.

    Args:
        pipeline: of the release.
        connection: to the server.
        alias: that names the current index.
        queries: float32 (n, dimensions), by the number of dimensions; recall is measured on them.
        min_recall: of the top 100 against the exact search, 0 to 1.
        created: for the name and the description, UTC.
        details: JSON-ready, for the description.
        reporter: receives stages, and the recall at each effort.
        replicas: copies of the index on other servers.

    Returns:
        The name of the index, and the index with the efforts that were chosen.

    Raises:
        InputError: the server does not answer or refuses, or no effort reaches the recall.
    """
    release, items = pipeline.release, pipeline.sources.index
    for leftover in clean_up(connection, alias):
        reporter.detail(f"deleted the index {leftover}, which was not in use")
    content = release.manifest["content_digest"]
    fingerprint = hashlib.sha256(f"{content} {created.isoformat()}".encode()).hexdigest()[:_FINGERPRINT_DIGITS]
    name = f"{alias}-{release.version}-{fingerprint}".lower()
    try:
        vectors = {dimensions: items.vectors[:, :dimensions] for dimensions in queries}
        ids = release.item_ids.to_pylist()
        write_index(connection, alias, name, ids, vectors, _metadata(pipeline), _METADATA, reporter, replicas=replicas)
        reporter.stage("recall")
        searchers = {dimensions: OpenSearchSearcher(connection, name, dimensions) for dimensions in queries}
        index = choose_efforts(ApproximateIndex(items, {**searchers}), queries, min_recall, release.version, reporter)
        description = {
            "format": FORMAT,
            "release": release.version,
            "content_digest": content,
            "created": created.isoformat(),
            "items": len(items),
            "items_as_of": release.as_of.isoformat(),
            **index.settings,
            "min_recall": min_recall,
            **details,
        }
    except InputError:
        with contextlib.suppress(InputError):  # the server may be the reason
            delete_index(connection, name)
        raise
    # Not deleted if this fails: the server may have switched the alias, and its answer was lost.
    switch_alias(connection, alias, name, description)
    clean_up(connection, alias)
    return name, index


def open_in_opensearch(connection: Connection, alias: str, release: Release, items: ItemIndex) -> ApproximateIndex:
    """Return the current index of an alias, for the items of a release.

    Raises:
        InputError: there is none, or it is of another release.
    """
    current = read_current(connection, alias)
    description = current.description
    if description.get("format") != FORMAT:
        raise InputError(f"The index {current.name} has another format than {FORMAT}: {BUILD}.")
    if description["content_digest"] != release.manifest["content_digest"]:
        raise InputError(
            f"The alias {alias} names an index of release {description['release']}, not of release {release.version}: "
            f"{BUILD}, or pass --release {description['release']}."
        )
    efforts, recalls = read_settings(description)
    searchers = {each: OpenSearchSearcher(connection, current.name, each, effort) for each, effort in efforts.items()}
    return ApproximateIndex(items, {**searchers}, recalls)


def _metadata(pipeline: CandidatePipeline) -> dict[str, list[Any]]:
    """Return the values of each field of `_METADATA`, None where they are unknown or restrict nothing."""
    table = pipeline.catalogue.read(CANDIDATE_ITEMS, pipeline.release.item_ids)
    values = {field: table[field].to_pylist() for field in _METADATA}
    values["for_sale"] = [None if each is None else bool(each) for each in values["for_sale"]]
    return values
