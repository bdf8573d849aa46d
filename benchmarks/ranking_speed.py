"""Latency of one candidate request by part, and throughput of candidate generation with and without ranking.

    .venv/bin/python benchmarks/ranking_speed.py

Two measurements of one release, from the online store. First the requests of `--single` users with a history, one user
at a time and one thread per library (TensorFlow keeps its own): the complete request from id to ranked list, and its
parts: reading the user's features, query tower, filter masks, retrieval, ranking. Then `--users` users in blocks:
retrieval alone, without filters and ranker, and all three steps, alternating, as the median of `--repeats`. `--seed`
draws the users; they are repeated if there are too few. Prints two Markdown tables with ratios. Without a ranker only
the second is printed.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any, Literal

import click

from features.report_table import ReportTable
from jobs.console import FEATURE_REPO, RELEASES, commit, load_tensorflow

_REQUEST = "complete request"
_READ, _TOWER, _MASKS = "reading features", "query tower, histories, filter context", "filter masks"
_RETRIEVE, _RANK = "retrieval and filtering", "ranking"
_USER, _PAIRS, _SCORE, _REORDER = "of it: user features", "of it: pair features", "of it: scores", "of it: reordering"


@click.command()
@click.option("--repo", type=click.Path(path_type=Path, file_okay=False), default=FEATURE_REPO, show_default=True)
@click.option("--releases", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--release", "version", help="Version of the release; by default the latest.")
@click.option("--already-bought", type=click.Choice(["drop", "keep"]), help="Policy; by default that of the release.")
@click.option("--single", type=click.IntRange(1), default=300, show_default=True, help="Users one at a time.")
@click.option("--candidates", type=click.IntRange(1), default=300, show_default=True, help="Of each of them.")
@click.option("--users", type=click.IntRange(1), default=10_000, show_default=True, help="Users in the second part.")
@click.option("--k", type=click.IntRange(1), default=100, show_default=True, help="Candidates of each of those.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the users that are drawn.")
def main(
    repo: Path,
    releases: Path,
    version: str | None,
    already_bought: Literal["drop", "keep"] | None,
    single: int,
    candidates: int,
    users: int,
    k: int,
    repeats: int,
    seed: int,
) -> None:
    """Measure latency and throughput in one run."""
    load_tensorflow()
    import numpy as np

    from candidates.filters.filter_set import FilterSet
    from features.errors import InputError
    from features.store.catalogue import user_ids
    from pipelines.filter_context import resolve_filters
    from pipelines.serving import CandidatePipeline, open_release_and_reader

    try:
        reader, release, moment = open_release_and_reader(repo, releases, version)
        filters = FilterSet.from_settings(resolve_filters(release, None, already_bought))
    except InputError as error:
        raise click.ClickException(str(error)) from error
    all_users = user_ids(reader.store, moment).to_pylist()
    drawn = np.random.default_rng(seed).permutation(all_users).tolist()
    if filters.policy in release.rankers:
        pipeline = CandidatePipeline.open(reader, release, moment, filters, candidates)
        rows, measured = measure_latency(pipeline, drawn, single)
        header = ["one user, one thread", "p50, ms", "p99, ms", "p50, ratio to ranking"]
        print(ReportTable.of(header, rows, header[:1]).markdown() + "\n\n" + measured + "\n")
    else:
        print(f"Release {release.version} has no ranker for policy '{filters.policy}': no latency measured.\n")
    rows = measure_throughput(CandidatePipeline.open(reader, release, moment, filters, k), drawn, users, repeats)
    header = [f"{users:,} users, k = {k}", "seconds", "users/s", "ratio to retrieval alone"]
    print(ReportTable.of(header, rows, header[:1]).markdown())
    print(
        f"\nrelease {release.version} as of {moment:%Y-%m-%d}, {len(release.item_ids):,} items, "
        f"{len(all_users):,} users, "
        f"policy {filters.policy}, {len(filters.filters)} filters, seed {seed}, median of {repeats}, "
        f"commit {commit()}"
    )


def measure_latency(pipeline: Any, drawn: list[str], single: int) -> tuple[list[list[str]], str]:
    """Milliseconds of each part of a request, as rows of a table, and a line on the requests measured."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    seconds: list[dict[str, float]] = []
    counts: list[int] = []
    with threadpool_limits(1):
        for user in drawn:
            request = pipeline.read([user])
            if len(request.queries.histories.positions) == 0:
                continue
            if not seconds:
                run_timed(pipeline, user)  # the first call of all compiles and connects
            parts, count = run_timed(pipeline, user)
            seconds.append(parts)
            counts.append(count)
            if len(seconds) == single:
                break
    if not seconds:
        sys.exit("error: No user has a purchase history: there are no requests to rank.")
    columns = {name: np.array([parts[name] for parts in seconds]) * 1_000 for name in seconds[0]}
    ranking = np.median(columns[_RANK])
    rows = [
        [name, f"{np.median(ms):.2f}", f"{np.percentile(ms, 99):.2f}", f"{np.median(ms) / ranking:.2f}"]
        for name, ms in columns.items()
    ]
    return rows, f"{len(seconds):,} users with {min(counts):,} to {max(counts):,} candidates each"


def run_timed(pipeline: Any, user: str) -> tuple[dict[str, float], int]:
    """Seconds of each part of one user's request, and the number of candidates that were ranked."""
    from candidates.filters.exclusions import Exclusions
    from candidates.ranking.entity_features import UserFeatures
    from candidates.ranking.ranker_features import build_pair_features
    from candidates.ranking.reordering import rerank
    from features.store.request_services import CANDIDATE_REQUEST

    moments = [time.perf_counter()]

    def done(value: Any) -> Any:
        moments.append(time.perf_counter())
        return value

    features = done(pipeline.reader.read(CANDIDATE_REQUEST, [user], pipeline.moment))
    request = done(pipeline.build_request([user], features))
    exclusions = done(Exclusions.combine(pipeline.exclude_by_filter(request).values()))
    blended = done(pipeline.filter(request, exclusions))
    users = done(UserFeatures.from_table(request.features, pipeline.item_features))
    pairs = done(build_pair_features(blended, request.queries.histories, users, pipeline.item_features))
    scores = done(pipeline.ranker.score(pairs))
    done(rerank(blended, pairs, scores, blended.positions.shape[1]))
    read, tower, masks, retrieve, *rank = [later - earlier for earlier, later in pairwise(moments)]
    parts = {_REQUEST: moments[-1] - moments[0], _READ: read, _TOWER: tower, _MASKS: masks, _RETRIEVE: retrieve}
    return parts | {_RANK: sum(rank), **dict(zip((_USER, _PAIRS, _SCORE, _REORDER), rank, strict=True))}, len(scores)


def measure_throughput(pipeline: Any, drawn: list[str], users: int, repeats: int) -> list[list[str]]:
    """Seconds of retrieval alone and of all three steps, as rows of a table."""

    def retrieve(ids: list[str]) -> Any:
        request = pipeline.read(ids)
        return pipeline.to_table(request, pipeline.run_until("retrieve", request).first(pipeline.k))

    def run(ids: list[str]) -> Any:
        return pipeline.run(pipeline.read(ids))

    variants: dict[str, Callable[[list[str]], Any]] = {"retrieval alone": retrieve, "all three steps": run}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for variant in variants.values():
        variant(drawn[:1])  # the first call compiles and connects
    for _ in range(repeats):
        for name, variant in variants.items():
            started = time.perf_counter()
            for ids in user_blocks(drawn, users):
                variant(ids)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    alone = medians["retrieval alone"]
    return [[name, f"{took:.1f}", f"{users / took:,.0f}", f"{took / alone:.2f}"] for name, took in medians.items()]


def user_blocks(drawn: list[str], users: int) -> Iterator[list[str]]:
    """Blocks of users, cycling through them until there are enough; no user is twice in a block."""
    from features.store.reader import IDS_PER_READ

    rest = islice(cycle(drawn), users)
    while block := list(islice(rest, min(IDS_PER_READ, len(drawn)))):
        yield block


if __name__ == "__main__":
    main()
