"""What the third step costs: one user's candidates put in order, and all three steps beside retrieval alone.

    .venv/bin/python benchmarks/ranking_speed.py
    .venv/bin/python benchmarks/ranking_speed.py --already-bought drop

Needs a release and a filled online store (`make demo` leaves both). First, with one thread, users with a history one at
a time: their candidates are retrieved and filtered, their features read, and then put in order, part by part, all
`--candidates` of them; what is served puts the first hundred in order. Then, on all threads, users up to a thousand at
a time, from ids to a table of candidates: retrieval alone, with neither filters nor ranker, and all three steps,
alternating, the median of `--repeats`. Users are drawn by `--seed`, and repeated if there are too few. Prints two
Markdown tables with ratios. Without a ranker there is nothing to put in order: it says so, and the second table tells
what filters cost.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any, Literal

import click
from tabulate import tabulate

from jobs.console import FEATURE_REPO, RELEASES, commit, load_tensorflow

_RETRIEVING = "retrieving and filtering them"
_RANKING = "putting them in order"
_FACTS, _REST = "of these, the user's facts", "of these, pair_features, score and reordered"
_PAIRS, _SCORES, _ORDER = "pair_features", "score", "reordered"


@click.command()
@click.option("--repo", type=click.Path(path_type=Path, file_okay=False), default=FEATURE_REPO, show_default=True)
@click.option("--releases", type=click.Path(path_type=Path, file_okay=False), default=RELEASES, show_default=True)
@click.option("--release", "version", help="Version of the release; by default the latest.")
@click.option("--already-bought", type=click.Choice(["drop", "keep"]), help="Otherwise as the release says.")
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
    """Measure both in one run, and print ratios."""
    load_tensorflow()
    import numpy as np

    from candidates.filters.filter_set import FilterSet
    from features.errors import InputError
    from features.store.catalogue import user_ids
    from pipelines.filter_context import settings_in_force
    from pipelines.serving import CandidatePipeline, opened

    try:
        store, release, moment = opened(repo, releases, version)
        filters = FilterSet.from_settings(settings_in_force(release, None, already_bought))
    except InputError as error:
        raise click.ClickException(str(error)) from error
    known = user_ids(store, moment).to_pylist()
    drawn = np.random.default_rng(seed).permutation(known).tolist()
    if filters.policy in release.rankers:
        alone = CandidatePipeline.of(store, release, moment, filters, candidates)
        rows, asked = one_at_a_time(alone, drawn, single)
        header = ["one user, one thread", "p50, ms", "p99, ms", "p50, ratio to putting in order"]
        print(tabulate(rows, header, "github", disable_numparse=True) + "\n\n" + asked + "\n")
    else:
        print(f"Release {release.version} has no ranker for '{filters.policy}': retrieval's order stands.\n")
    rows = all_together(CandidatePipeline.of(store, release, moment, filters, k), drawn, users, repeats)
    header = [f"{users:,} users, k = {k}", "seconds", "users/s", "ratio to retrieval alone"]
    print(tabulate(rows, header, "github", disable_numparse=True))
    print(
        f"\nrelease {release.version} as of {moment:%Y-%m-%d}, {len(release.item_ids):,} items, {len(known):,} users, "
        f"bought items {filters.policy}, {len(filters.filters)} filters, seed {seed}, median of {repeats}, "
        f"commit {commit()}"
    )


def one_at_a_time(steps: Any, drawn: list[str], single: int) -> tuple[list[list[str]], str]:
    """Seconds of each part for users with a history, as rows of a table; and a line on what was measured."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    from candidates.filters.exclusions import Exclusions

    seconds: list[dict[str, float]] = []
    counts: list[int] = []
    for user in drawn:
        queries = steps.queries([user])
        if len(queries.histories.positions) == 0:
            continue
        exclusions = Exclusions.combine(steps.exclusions([user], queries).values())
        with threadpool_limits(1):
            if not seconds:
                timed(steps, user, queries, exclusions)  # the very first call is everybody's, not this user's
            took, count = timed(steps, user, queries, exclusions)
        seconds.append(took)
        counts.append(count)
        if len(seconds) == single:
            break
    if not seconds:
        sys.exit("error: No user has bought anything: nobody's candidates can be put in order.")
    parts = {name: np.array([took[name] for took in seconds]) * 1_000 for name in seconds[0]}
    whole = np.median(parts[_RANKING])
    rows = [
        [name, f"{np.median(ms):.2f}", f"{np.percentile(ms, 99):.2f}", f"{np.median(ms) / whole:.2f}"]
        for name, ms in parts.items()
    ]
    return rows, f"{len(seconds):,} users with {min(counts):,} to {max(counts):,} candidates each"


def timed(steps: Any, user: str, queries: Any, exclusions: Any) -> tuple[dict[str, float], int]:
    """Seconds of each part of one user's lists, and how many candidates there are.

    As in a request the user's features are read between retrieval and ranking, and that is not counted.
    """
    from candidates.ranking.context import UserFeatures
    from candidates.ranking.ranker_features import pair_features
    from candidates.ranking.reordering import reordered
    from features.store.reader import FeatureReader
    from features.store.service_fingerprints import RANKING_USERS

    started = time.perf_counter()
    blended = steps.under(exclusions, queries)
    retrieving = time.perf_counter() - started
    told = FeatureReader(steps.store, "online").read(RANKING_USERS, [user], steps.moment)
    moments = [time.perf_counter()]

    def done(value: Any) -> Any:
        moments.append(time.perf_counter())
        return value

    facts = done(UserFeatures.of(told, steps.items))
    pairs = done(pair_features(blended, queries.histories, facts, steps.items))
    scores = done(steps.ranker.score(pairs))
    done(reordered(blended, pairs, scores))
    knowing, *rest = [later - earlier for earlier, later in pairwise(moments)]
    parts = dict(zip((_PAIRS, _SCORES, _ORDER), rest, strict=True))
    whole = {_RETRIEVING: retrieving, _RANKING: knowing + sum(rest), _FACTS: knowing, _REST: sum(rest)}
    return whole | parts, len(scores)


def all_together(steps: Any, drawn: list[str], users: int, repeats: int) -> list[list[str]]:
    """Seconds of retrieval alone and of all three steps, as rows of a table."""

    def retrieved(ids: list[str]) -> Any:
        return steps.table(ids, steps.after("retrieve", ids, steps.queries(ids)).first(steps.k))

    ways: dict[str, Callable[[list[str]], Any]] = {"retrieval alone": retrieved, "all three steps": steps.candidates}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(drawn[:1])  # connections and kernels are made at the first call
    for _ in range(repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            for ids in parts_of(drawn, users):
                way(ids)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(took) for name, took in seconds.items()}
    alone = medians["retrieval alone"]
    return [[name, f"{took:.1f}", f"{users / took:,.0f}", f"{took / alone:.2f}"] for name, took in medians.items()]


def parts_of(drawn: list[str], users: int) -> Iterator[list[str]]:
    """So many users, from the first again after the last, in parts in which nobody stands twice."""
    from features.store.reader import IDS_PER_READ

    rest = islice(cycle(drawn), users)
    while part := list(islice(rest, min(IDS_PER_READ, len(drawn)))):
        yield part


if __name__ == "__main__":
    main()
