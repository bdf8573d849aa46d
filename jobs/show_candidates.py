"""Print some users' candidate sets with the names of the items, or what one of the three steps leaves to them now.

python jobs/show_candidates.py --users 5 --top 10
python jobs/show_candidates.py --user 1001 --stage retrieve --already-bought drop
python jobs/show_candidates.py --user 1001 --user 1002 --stage rank --filters filters.toml
"""

from functools import cache
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from jobs.console import (
    CANDIDATES,
    ConsoleReporter,
    filters_option,
    job,
    load_tensorflow,
    releases_option,
    repo_option,
    warn,
)
from pipelines.steps import Step

# What is asked of a file, and what of the online store: options by the name of their argument.
_OF_A_FILE = {"candidates": "--candidates", "users": "--users"}
_OF_A_STEP = {
    "user_ids": "--user",
    "k": "--k",
    "filters_file": "--filters",
    "already_bought": "--already-bought",
    "version": "--release",
    "releases": "--releases",
}


@click.command()
@repo_option
@click.option(
    "--candidates",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CANDIDATES,
    show_default="data/candidates.parquet",
    help="File that jobs/generate_candidates.py wrote.",
)
@click.option("--users", type=click.IntRange(1), default=5, show_default=True, help="How many users of it to show.")
@click.option(
    "--stage",
    type=click.Choice(["retrieve", "filter", "rank"]),
    help="Show no file, but what this step leaves to each --user now: what is proposed as if no filter were in force, "
    "with the filters that drop it; what they leave; or the final order.",
)
@click.option("--user", "user_ids", multiple=True, help="Id of a user to show, with --stage; as often as wanted.")
@click.option("--top", type=click.IntRange(1), default=8, show_default=True, help="How many candidates of each.")
@click.option(
    "--k",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many candidates each user has, with --stage, of which --top are shown: as many as are generated.",
)
@releases_option
@click.option("--release", "version", help="Version of the release, with --stage; by default the latest.")
@filters_option
@click.option(
    "--already-bought",
    type=click.Choice(["drop", "keep"]),
    help="Whether candidates leave out what their user bought before, with --stage; otherwise as the filters say.",
)
@job
def main(
    reporter: ConsoleReporter,
    repo: Path,
    candidates: Path,
    users: int,
    stage: Step | None,
    user_ids: tuple[str, ...],
    top: int,
    k: int,
    releases: Path,
    version: str | None,
    filters_file: Path | None,
    already_bought: Literal["drop", "keep"] | None,
) -> None:
    """Print some users' candidate sets with the names of the items, or what one step leaves to them now.

    Without --stage they come from a file, beside what their users bought last; with it from the online store.
    """
    require_together(stage)
    if stage is None:
        show_file(reporter, repo, candidates, users, top)
    else:
        show_step(
            reporter,
            repo,
            releases,
            version,
            filters_file,
            already_bought,
            stage,
            list(dict.fromkeys(user_ids)),
            top,
            k,
        )


def require_together(stage: Step | None) -> None:
    """Refuse options that are not asked of the same thing.

    Raises:
        InputError: says which, and what to do.
    """
    from features.errors import InputError

    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    others = _OF_A_STEP if stage is None else _OF_A_FILE
    wrong = " and ".join(option for name, option in others.items() if name in given)
    if wrong and stage is None:
        raise InputError(f"Without --stage a candidate file is shown, of which {wrong} asks nothing: add --stage.")
    if wrong:
        raise InputError(f"With --stage no candidate file is shown, of which {wrong} asks: leave it out.")
    if stage and "user_ids" not in given:
        raise InputError("--stage needs the user whose candidates are shown: add --user ID.")
    if any(not (user.strip() and user.isprintable()) for user in context.params["user_ids"]):
        raise InputError("A --user is empty or holds a control character: give the id as the raw tables have it.")


def show_file(reporter: ConsoleReporter, repo: Path, candidates: Path, users: int, top: int) -> None:
    """Print lists of a candidate file."""
    from candidates.candidate_file import read_users
    from features.schema import BOUGHT_ITEMS, ITEM_ID
    from features.store.materialization import filled_until
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from features.store.request_services import CANDIDATE_REQUEST
    from pipelines.item_names import item_names
    from pipelines.messages import candidate_table

    store = open_feature_store(repo)
    reader, moment = FeatureReader(store, "online"), filled_until(store)
    for user, rows in read_users(candidates, users, top).items():
        bought = (reader.read(CANDIDATE_REQUEST, [user], moment)[BOUGHT_ITEMS].to_pylist()[0] or [])[:top]
        names, bought_names = (item_names(reader, ids, moment) for ids in (rows[ITEM_ID].to_pylist(), bought))
        reporter.result(candidate_table(user, rows, names, bought_names))


def show_step(
    reporter: ConsoleReporter,
    repo: Path,
    releases: Path,
    version: str | None,
    filters_file: Path | None,
    already_bought: Literal["drop", "keep"] | None,
    stage: Step,
    users: list[str],
    top: int,
    k: int,
) -> None:
    """Print what a step leaves to some users."""
    from candidates.filters.settings import read_settings

    told = read_settings(filters_file) if filters_file else None
    load_tensorflow()
    from candidates.filters.filter_set import FilterSet
    from candidates.filters.settings_warnings import find_settings_without_effect
    from features.store.catalogue import user_ids
    from pipelines.filter_context import settings_in_force
    from pipelines.item_names import item_names
    from pipelines.messages import request_line, step_table
    from pipelines.serving import CandidatePipeline, open_release_and_store

    store, release, moment = open_release_and_store(repo, releases, version)
    settings = settings_in_force(release, told, already_bought)
    pipeline = CandidatePipeline.open(store, release, moment, FilterSet.from_settings(settings), max(k, top))
    warn(find_settings_without_effect(settings, pipeline.item_context))
    print(request_line(release.version, moment, pipeline.filters.explanations(pipeline.item_context)))
    known = cache(lambda: frozenset(user_ids(store, moment).to_pylist()))
    for user in users:
        request = pipeline.read([user])
        lists = pipeline.run_until(stage, request)
        dropped_by = pipeline.excluding_filters(request, lists.blended) if stage == "retrieve" else None
        rows = pipeline.to_table(request, lists)
        names = item_names(pipeline.reader, rows["item_id"].to_pylist()[:top], moment)
        asked = pipeline.k if stage == "rank" else pipeline.retriever.k
        reporter.result(step_table(user, stage, asked, rows, names, dropped_by))
        if len(request.queries.histories.positions) == 0:
            who = "has bought nothing that this release knows" if user in known() else "is not known"
            print(f"\nuser {user} {who} as of {moment:%Y-%m-%d %H:%M} UTC: this is what sells, with units as scores")


if __name__ == "__main__":
    main()
