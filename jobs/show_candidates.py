"""Print the candidates of some users, from a candidate file or after a stage of the pipeline.

python jobs/show_candidates.py --users 5 --top 10
python jobs/show_candidates.py --user 1001 --stage retrieve --already-bought drop
python jobs/show_candidates.py --user 1001 --user 1002 --stage rank --filters filters.toml
"""

from pathlib import Path
from typing import Any, Literal

import click

from features.schema import MAX_CANDIDATES
from jobs import console

STAGE = (
    "Run the pipeline until this stage: candidates before filtering with the filters that exclude them, eligible "
    "candidates, or candidates in their final order.  [default: show a candidate file]"
)


@click.command()
@console.repo_option
@console.candidates_option
@click.option("--users", type=click.IntRange(1), default=5, show_default=True, help="Users of the file to show.")
@click.option(
    "--top", type=click.IntRange(1, MAX_CANDIDATES), default=8, show_default=True, help="Candidates to show per user."
)
@click.option("--stage", type=click.Choice(["retrieve", "filter", "rank"]), help=STAGE)
@click.option("--user", "user_ids", multiple=True, help="With --stage: user id; may be repeated.")
@click.option(
    "--k",
    type=click.IntRange(1, MAX_CANDIDATES),
    default=100,
    show_default=True,
    help="With --stage: candidates per user.",
)
@console.releases_option
@console.release_option
@console.filters_option
@console.already_bought_option
@console.job
def main(
    reporter: console.ConsoleReporter,
    repo: Path,
    candidates: Path,
    users: int,
    top: int,
    stage: Literal["retrieve", "filter", "rank"] | None,
    user_ids: tuple[str, ...],
    k: int,
    filters_file: Path | None,
    **request: Any,
) -> None:
    """Print the candidates of some users.

    Item names, sources and scores, from a candidate file; with --stage from the pipeline and the online store.
    """
    from candidates.filters.settings import read_settings
    from pipelines.candidate_tables import source_legend
    from pipelines.candidate_views import candidates_in_file, check_options, file_heading

    users_to_show = check_options(stage, console.given_options(), user_ids)
    filters = read_settings(filters_file) if filters_file else None
    if stage is None:
        heading, views = file_heading(candidates), candidates_in_file(repo, candidates, users, top)
    else:
        from candidates.filters.settings_warnings import find_settings_without_effect
        from pipelines.candidate_generation import open_pipeline
        from pipelines.candidate_stages import candidates_after_stage, pipeline_heading

        pipeline, settings = open_pipeline(repo, filters=filters, k=max(k, top), **request)
        console.warn(find_settings_without_effect(settings, pipeline.item_context))
        heading, views = pipeline_heading(pipeline), candidates_after_stage(pipeline, stage, users_to_show, top)
    for number, view in enumerate(views):
        if number == 0:
            reporter.result(heading)
        reporter.result(f"\n{view.heading}")
        reporter.table(view.table)
        if view.note:
            reporter.result(view.note)
    reporter.result(f"\n{source_legend()}")


if __name__ == "__main__":
    main()
