"""Candidate generation: opens the candidate pipeline of a release, and writes the candidates of users to a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from candidates.candidate_file import CandidateFile
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings
from candidates.parallel import map_in_threads
from features.errors import InputError
from features.progress import Reporter, Stopwatch
from features.store.catalogue import USER_PROFILE, user_ids
from features.store.feature_blocks import FeatureBlock
from features.store.reader import Source
from features.store.table_digests import TableDigests
from pipelines.build_sources import restore_sources
from pipelines.candidate_tables import exclusion_lines, source_lines
from pipelines.engines import EngineName, describe_engine, with_engine
from pipelines.filter_context import resolve_filters
from pipelines.request_users import check_complete
from pipelines.serving import CandidatePipeline, open_release_and_reader


@dataclass(frozen=True)
class GeneratedCandidates:
    """What was written.

    Attributes:
        users: number of users with candidates.
        rows: number of candidates.
        release: version of the release.
        moment: of the features, UTC.
        source: the store from which they were read.
        ranked: whether the ranker ordered the candidates; otherwise they are in retrieval order.
        engine: what searched the item vectors, and how, see `pipelines.engines.describe_engine`.
    """

    users: int
    rows: int
    release: str
    moment: datetime
    source: Source
    ranked: bool
    engine: dict[str, Any]


def open_pipeline(
    repo: Path,
    *,
    releases: Path,
    version: str | None,
    filters: FilterSettings | None,
    already_bought: Literal["drop", "keep"] | None,
    k: int,
    source: Source = "online",
    as_of: str | None = None,
    engine: EngineName = "exact",
    url: str | None = None,
    alias: str | None = None,
) -> tuple[CandidatePipeline, FilterSettings]:
    """Open the candidate pipeline of a release.

    Args:
        repo: Feast feature repository.
        releases: folder of the releases.
        version: of the release; None for the latest.
        filters: settings of the filters; None for those of the release.
        already_bought: overrides the setting of this name.
        k: candidates per user.
        source: the store from which features are read.
        as_of: moment of offline features; None for the end of the data.
        engine: searches the item vectors; others than the exact one were built by `jobs/index_items.py`.
        url: of OpenSearch; None for the environment's.
        alias: of the index in OpenSearch; None for the default.

    Returns:
        The pipeline, and the filter settings in force.

    Raises:
        InputError: release, index, registry or online store are missing, damaged or do not fit together.
    """
    reader, release, moment = open_release_and_reader(repo, releases, version, source=source, as_of=as_of)
    settings = resolve_filters(release, filters, already_bought)
    sources = with_engine(restore_sources(release), engine, release, releases, url=url, alias=alias)
    return CandidatePipeline.open(reader, release, moment, FilterSet.from_settings(settings), k, sources), settings


def write_candidates(
    pipeline: CandidatePipeline,
    settings: FilterSettings,
    users: Sequence[str] | None,
    output: Path,
    reporter: Reporter,
) -> GeneratedCandidates:
    """Write the candidates of users to a Parquet file, and a description of how they were made beside it.

    Args:
        pipeline: an opened pipeline.
        settings: of its filters, for the description.
        users: ids; None for all users as of the moment.
        output: the Parquet file; the description has the same name and the suffix .json.
        reporter: receives progress and counts.

    Raises:
        InputError: the file name does not end in .parquet, there are no users, the online store lacks some of all users
            or was filled from another table of users, or the features were changed meanwhile.
    """
    watch, release = Stopwatch(), pipeline.release
    ids = [*users] if users else _all_users(pipeline)
    advance, exclusions = reporter.progress("users", len(ids)), Counter[str]()

    def run(block: FeatureBlock) -> tuple[int, pa.Table, dict[str, int]]:
        return len(block[0]), *pipeline.run(pipeline.build_request(*block))

    with CandidateFile.create(output) as file:
        for users_of_block, candidates, excluded in map_in_threads(run, pipeline.read_blocks(ids)):
            file.append(candidates)
            exclusions.update(excluded)
            advance(users_of_block)
        pipeline.reader.check_unchanged("No candidates were written")
        search = describe_engine(pipeline.sources.engine)
        file.describe(
            release=release.version,
            release_as_of=release.as_of.isoformat(),
            as_of=pipeline.moment.isoformat(),
            features=pipeline.reader.source,
            feature_tables=pipeline.reader.tables,
            k=pipeline.k,
            filters=settings.to_json(),
            excluded_pairs=dict(exclusions),
            search=search,
            ranked_by="retrieval" if pipeline.ranker is None else "ranker",
            seconds=round(watch.seconds, 1),
        )
    for line in (*exclusion_lines(exclusions, len(ids), len(pipeline.item_context)), *source_lines(file.sources)):
        reporter.detail(line)
    return GeneratedCandidates(
        users=file.users,
        rows=file.rows,
        release=release.version,
        moment=pipeline.moment,
        source=pipeline.reader.source,
        ranked=pipeline.ranker is not None,
        engine=search,
    )


def _all_users(pipeline: CandidatePipeline) -> list[str]:
    """All users as of the moment, from the feature tables."""
    store, reader = pipeline.reader.store, pipeline.reader
    tables = TableDigests.compute(store, [store.get_feature_view(USER_PROFILE)])
    if tables.by_view[USER_PROFILE] != reader.tables[USER_PROFILE]:
        raise InputError(
            f"The table of feature view '{USER_PROFILE}' was changed after the online store was filled: run `python "
            "jobs/materialize.py`, or pass the users with --users."
        )
    ids: list[str] = user_ids(store, pipeline.moment).to_pylist()
    check_complete(pipeline, ids)
    return ids
