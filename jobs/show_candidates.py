"""Print some users' candidate sets with the names of the items.

python jobs/show_candidates.py --users 5 --top 10
"""

from pathlib import Path

import click

from jobs.console import CANDIDATES, job, repo_option


@click.command()
@repo_option
@click.option(
    "--candidates",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CANDIDATES,
    show_default="data/candidates.parquet",
    help="File that jobs/generate_candidates.py wrote.",
)
@click.option("--users", type=click.IntRange(1), default=5, show_default=True, help="How many users to show.")
@click.option("--top", type=click.IntRange(1), default=8, show_default=True, help="How many candidates of each.")
@job
def main(repo: Path, candidates: Path, users: int, top: int) -> None:
    """Print some users' candidate sets, beside what they bought last, with the names of the items."""
    from features.feature_store import open_feature_store
    from features.online_features import bought_items, item_names
    from jobs.reports import candidate_table
    from retrieval.candidate_file import read_users

    store = open_feature_store(repo)
    for user, rows in read_users(candidates, users, top).items():
        bought = (bought_items(store, [user]).to_pylist()[0] or [])[:top]
        print(candidate_table(user, rows, item_names(store, rows["item_id"].to_pylist()), item_names(store, bought)))


if __name__ == "__main__":
    main()
