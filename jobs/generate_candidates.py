"""Write the candidate sets of all users, or of some, from online features.

python jobs/generate_candidates.py
python jobs/generate_candidates.py --users users.txt --k 12 --already-bought drop --output top12.parquet
python jobs/generate_candidates.py --filters filters.toml
"""

from collections import Counter
from pathlib import Path
from typing import Literal

import click

from features.progress import Stopwatch
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


@click.command()
@repo_option
@releases_option
@click.option("--release", "version", help="Version of the release; by default the latest.")
@click.option(
    "--users",
    "users_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of user ids, one a line; by default all users.",
)
@click.option("--k", type=click.IntRange(1), default=100, show_default=True, help="Candidates for each user.")
@filters_option
@click.option(
    "--already-bought",
    type=click.Choice(["drop", "keep"]),
    help="Whether a user's candidates leave out what he bought before; otherwise as the filters say.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CANDIDATES,
    show_default="data/candidates.parquet",
    help="Parquet file; a JSON file of the same name tells how it was made.",
)
@job
def main(
    reporter: ConsoleReporter,
    repo: Path,
    releases: Path,
    version: str | None,
    users_file: Path | None,
    k: int,
    filters_file: Path | None,
    already_bought: Literal["drop", "keep"] | None,
    output: Path,
) -> None:
    """Write the candidate sets of all users, or of some, from online features.

    The filters in force are those that the release was trained with, or those of --filters.
    """
    from candidates.candidate_file import require_parquet
    from candidates.filters.settings import read_settings
    from features.raw.user_file import read_user_ids

    wanted = read_user_ids(users_file) if users_file else None
    told = read_settings(filters_file) if filters_file else None
    require_parquet(output)
    load_tensorflow()
    from candidates.candidate_file import CandidateFile
    from candidates.filters.filter_set import FilterSet
    from candidates.filters.settings_warnings import find_settings_without_effect
    from features.store.catalogue import user_ids
    from features.store.reader import id_blocks
    from pipelines.filter_context import settings_in_force
    from pipelines.messages import exclusion_line
    from pipelines.serving import CandidatePipeline, open_release_and_store

    watch = Stopwatch()
    store, release, moment = open_release_and_store(repo, releases, version)
    users = wanted or user_ids(store, moment).to_pylist()
    settings = settings_in_force(release, told, already_bought)
    pipeline = CandidatePipeline.open(store, release, moment, FilterSet.from_settings(settings), k)
    warn(find_settings_without_effect(settings, pipeline.item_context))
    done, exclusions = reporter.progress("candidates", len(users)), Counter[str]()
    with CandidateFile.create(output) as file:
        for ids in id_blocks(users):
            candidates, counts = pipeline.run(ids)
            file.append(candidates)
            exclusions.update(counts)
            done(len(ids))
        file.describe(
            release=release.version,
            release_as_of=release.as_of.isoformat(),
            as_of=moment.isoformat(),
            k=k,
            filters=settings.to_json(),
            barred_pairs=dict(exclusions),
            ranked_by="retrieval" if pipeline.ranker is None else "ranker",
            seconds=round(watch.seconds, 1),
        )
    print(exclusion_line(exclusions, len(users), len(pipeline.item_context)))
    sources = ", ".join(f"{count:,} listed by {source}" for source, count in file.sources.most_common())
    print(
        f"{file.rows:,} candidates of {len(users):,} users ({sources}) from release {release.version} as of "
        f"{moment:%Y-%m-%d %H:%M} UTC in {output} after {watch.seconds:.1f} s"
    )
    reporter.next("python jobs/show_candidates.py")


if __name__ == "__main__":
    main()
