"""Candidate generation: opens the candidate pipeline of a release, and writes the candidates of users to a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from candidates.candidate_file import CandidateFile
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings
from features.progress import Reporter, Stopwatch
from features.store.catalogue import user_ids
from features.store.reader import id_blocks
from pipelines.candidate_tables import exclusion_lines, source_lines
from pipelines.filter_context import resolve_filters
from pipelines.serving import CandidatePipeline, open_release_and_store


@dataclass(frozen=True)
class GeneratedCandidates:
    """What was written.

    Attributes:
        users: number of users with candidates.
        rows: number of candidates.
        release: version of the release.
        moment: of the online features, UTC.
        ranked: whether the ranker ordered the candidates; otherwise they are in retrieval order.
    """

    users: int
    rows: int
    release: str
    moment: datetime
    ranked: bool


def open_pipeline(
    repo: Path,
    *,
    releases: Path,
    version: str | None,
    filters: FilterSettings | None,
    already_bought: Literal["drop", "keep"] | None,
    k: int,
) -> tuple[CandidatePipeline, FilterSettings]:
    """Open the candidate pipeline of a release at the moment of the online store.

    Args:
        repo: Feast feature repository.
        releases: folder of the releases.
        version: of the release; None for the latest.
        filters: settings of the filters; None for those of the release.
        already_bought: overrides the setting of this name.
        k: candidates per user.

    Returns:
        The pipeline, and the filter settings in force.

    Raises:
        InputError: release, registry or online store are missing, damaged or do not fit together.
    """
    store, release, moment = open_release_and_store(repo, releases, version)
    settings = resolve_filters(release, filters, already_bought)
    return CandidatePipeline.open(store, release, moment, FilterSet.from_settings(settings), k), settings


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
        InputError: the file name does not end in .parquet, or there are no users.
    """
    watch, release = Stopwatch(), pipeline.release
    ids = [*users] if users else user_ids(pipeline.reader.store, pipeline.moment).to_pylist()
    advance, exclusions = reporter.progress("users", len(ids)), Counter[str]()
    with CandidateFile.create(output) as file:
        for block in id_blocks(ids):
            candidates, excluded = pipeline.run(block)
            file.append(candidates)
            exclusions.update(excluded)
            advance(len(block))
        file.describe(
            release=release.version,
            release_as_of=release.as_of.isoformat(),
            as_of=pipeline.moment.isoformat(),
            k=pipeline.k,
            filters=settings.to_json(),
            excluded_pairs=dict(exclusions),
            ranked_by="retrieval" if pipeline.ranker is None else "ranker",
            seconds=round(watch.seconds, 1),
        )
    for line in (*exclusion_lines(exclusions, len(ids), len(pipeline.item_context)), *source_lines(file.sources)):
        reporter.detail(line)
    return GeneratedCandidates(
        file.users, file.rows, release.version, pipeline.moment, ranked=pipeline.ranker is not None
    )
