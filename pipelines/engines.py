"""The engines that search the item vectors of a release: opened by name, and described."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from candidates.approximate_index import ApproximateIndex
from candidates.search_engine import SearchEngine
from candidates.sources.source_set import SourceSet
from features.errors import InputError
from models.release.release import Release
from pipelines.index_store import read_index

EngineName: TypeAlias = Literal["exact", "approximate", "opensearch"]


def with_engine(
    sources: SourceSet, engine: EngineName, release: Release, releases: Path, *, url: str | None, alias: str | None
) -> SourceSet:
    """Return the candidate sources of a release with the engine that searches its item vectors.

    Args:
        sources: of the release.
        engine: its index must have been built by `jobs/index_items.py`.
        release: the release.
        releases: folder of the releases.
        url: of OpenSearch; None for the environment's.
        alias: of the index in OpenSearch; None for the default.

    Raises:
        InputError: there is no such index, or it is of another release.
    """
    check_server_options(engine, url=url, alias=alias)
    if engine == "approximate":
        return replace(sources, engine=read_index(releases, release, sources.index))
    if engine == "opensearch":
        from pipelines.opensearch_index import connect, open_in_opensearch  # noqa: PLC0415  others need no client

        return replace(sources, engine=open_in_opensearch(*connect(url, alias), release, sources.index))
    return sources


def check_server_options(
    engine: EngineName, *, url: str | None, alias: str | None, replicas: int | None = None
) -> None:
    """Refuse options of OpenSearch for another engine.

    Raises:
        InputError: there is one.
    """
    options = {"--url": url, "--alias": alias, "--replicas": replicas}
    given = [option for option, value in options.items() if value is not None]
    if engine != "opensearch" and given:
        raise InputError(f"{' and '.join(given)} {'needs' if len(given) == 1 else 'need'} --engine opensearch.")


def describe_engine(engine: SearchEngine | None) -> dict[str, Any]:
    """Return which engine searched, JSON-ready; of an approximate one also its recall and what it searched exactly.

    Args:
        engine: of the candidate sources; None for the exact search.
    """
    if not isinstance(engine, ApproximateIndex):
        return {"engine": "exact"}
    return {
        "engine": engine.name,
        "recalls": {str(dimensions): round(recall, 4) for dimensions, recall in engine.recalls.items()},
        "queries": engine.counts.queries,
        "queries_searched_exactly": engine.counts.exact,
    }
