"""Write the candidates of all users, or of some.

python jobs/generate_candidates.py
python jobs/generate_candidates.py --users users.txt --k 12 --already-bought drop --output top12.parquet
python jobs/generate_candidates.py --filters filters.toml
python jobs/generate_candidates.py --features offline
python jobs/generate_candidates.py --engine approximate
python jobs/generate_candidates.py --engine opensearch --url http://localhost:9200
"""

from pathlib import Path
from typing import Any

import click

from jobs import console


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@console.path_option("--users", "users_file", text="Text file with one user id per line.  [default: all users]")
@click.option("--allow-unknown", is_flag=True, help="Write bestsellers although all users of --users are unknown.")
@console.k_option
@console.features_option
@click.option("--as-of", help="With --features offline: moment of the features, UTC.  [default: the end of the data]")
@click.option(
    "--engine",
    type=click.Choice(["exact", "approximate", "opensearch"]),
    default="exact",
    show_default=True,
    help="Search of the item vectors; others than the exact one need `python jobs/index_items.py`.",
)
@console.url_option
@console.alias_option
@console.filters_option
@console.already_bought_option
@console.path_option(
    "--output", default=console.CANDIDATES, text="Parquet file; a JSON file of the same name describes it."
)
@console.job
def main(
    reporter: console.ConsoleReporter,
    repo: Path,
    users_file: Path | None,
    k: int,
    filters_file: Path | None,
    output: Path,
    *,
    allow_unknown: bool,
    **request: Any,
) -> None:
    """Write the candidates of all users to a file.

    Reads features, retrieves, filters and ranks with a release. --users selects some users. The filters are
    those of the release, unless --filters is given.
    """
    from candidates.candidate_file import require_parquet
    from candidates.filters.settings import read_settings
    from features.raw.user_file import read_user_ids
    from models.release.find_release import find_release

    users = read_user_ids(users_file) if users_file else None
    filters = read_settings(filters_file) if filters_file else None
    require_parquet(output)
    find_release(request["releases"], request["version"])  # before Feast is imported, which takes seconds
    from candidates.filters.settings_warnings import find_settings_without_effect
    from features.text import counted
    from pipelines.candidate_generation import open_pipeline, write_candidates
    from pipelines.request_users import check_users

    pipeline, settings = open_pipeline(repo, filters=filters, k=k, **request)
    console.warn(find_settings_without_effect(settings, pipeline.item_context))
    if users:
        console.warn(check_users(pipeline, users, allow_unknown=allow_unknown))
    written = write_candidates(pipeline, settings, users, output, reporter)
    reporter.result(
        f"{counted(written.rows, 'candidate')} of {counted(written.users, 'user')} in {output} after "
        f"{reporter.watch.seconds:.1f} s\nrelease {written.release} in {'ranker' if written.ranked else 'retrieval'} "
        f"order, items as of {pipeline.release.as_of:%Y-%m-%d %H:%M} UTC\n"
        f"{written.source} features of users as of {written.moment:%Y-%m-%d %H:%M} UTC"
    )
    if written.engine["engine"] != "exact":
        search = written.engine
        recalls = ", ".join(f"{recall:.4f} ({name} dimensions)" for name, recall in search["recalls"].items())
        reporter.result(
            f"{search['engine']} search, recall@100 {recalls}; {search['queries_searched_exactly']:,} of "
            f"{search['queries']:,} queries searched exactly, because filters leave too few items"
        )
    reporter.next("python jobs/show_candidates.py")


if __name__ == "__main__":
    main()
