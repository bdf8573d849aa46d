"""Candidates of single users: from a candidate file, and after each stage of the pipeline."""

import pyarrow.parquet as pq
import pytest
from fixtures.serving import MOMENT, K

NOT_FOR_SALE = {"0108775001", "0108775004"}  # withdrawn, and for sale from a later day on
BLOCKED = "0108775005"


@pytest.fixture
def pipeline(served_project):
    """Open the pipeline of the served project with these filters beside the default ones."""

    def pipeline(k=100, **settings):
        from candidates.filters.settings import FilterSettings
        from pipelines.candidate_generation import open_pipeline

        filters = FilterSettings(**settings)
        return open_pipeline(
            served_project.repo, releases=served_project.releases, version=None, filters=filters, already_bought=None,
            k=k,
        )[0]  # fmt: skip

    return pipeline


@pytest.fixture
def after_stage(pipeline):
    def after_stage(stage, *users, top=60, **settings):
        from pipelines.candidate_stages import candidates_after_stage

        return [*candidates_after_stage(pipeline(**settings), stage, users, top)]

    return after_stage


@pytest.fixture
def show(call, served_project):
    return lambda *options: call("show_candidates", "--repo", served_project.repo, *options)


@pytest.fixture
def candidate_file(pipeline, tmp_path):
    opened = pipeline(K)
    pq.write_table(opened.run(opened.read(["0003", "nobody"]))[0], tmp_path / "candidates.parquet")
    return tmp_path / "candidates.parquet"


def test_retrieved_candidates_are_shown_with_the_filters_that_exclude_them(after_stage):
    [view] = after_stage("retrieve", "0003", already_bought="drop")

    assert view.table.columns == ("rank", "item", "name", "sources", "retrieval\nscore", "excluded by")
    assert view.table.column("rank") == [str(rank) for rank in range(1, 61)]
    assert all(sources.startswith("T") for sources in view.table.column("sources"))
    excluded = dict(zip(view.table.column("item"), view.table.column("excluded by"), strict=True))
    assert {item for item, filters in excluded.items() if "for_sale" in filters} == NOT_FOR_SALE
    count = sum(map(bool, excluded.values()))
    assert f"60 of 100 candidates, before filtering; {count} will be excluded (already_bought " in view.heading


def test_filtered_candidates_are_those_that_no_filter_excludes(after_stage):
    [retrieved] = after_stage("retrieve", "0003", already_bought="drop")
    [filtered] = after_stage("filter", "0003", already_bought="drop")

    assert filtered.table.columns == ("rank", "item", "name", "sources", "retrieval\nscore")
    excluded = zip(retrieved.table.column("item"), retrieved.table.column("excluded by"), strict=True)
    assert set(filtered.table.column("item")) == {item for item, filters in excluded if not filters}


def test_ranked_candidates_are_shown_with_both_scores_and_the_retrieval_rank(after_stage):
    [view] = after_stage("rank", "0003", top=20)

    assert view.table.columns == (
        "rank", "item", "name", "sources", "ranking\nscore", "retrieval\nscore", "retrieval\nrank",
    )  # fmt: skip
    assert set(view.table.column("ranking\nscore")) <= {"0.50", "-0.50"}
    assert view.table.column("rank") == [str(rank) for rank in range(1, 21)]
    assert view.table.column("rank") != view.table.column("retrieval\nrank")
    assert view.heading.endswith("rank: 58 of 100 candidates, in ranker order")


def test_an_unknown_user_and_one_without_purchases_get_bestsellers_and_a_note(after_stage):
    unknown, without_purchases = after_stage("rank", "nobody", "0200", top=3)

    assert "nobody is unknown" in unknown.note
    assert "0200 has no purchases" in without_purchases.note
    for view in (unknown, without_purchases):
        assert view.heading.endswith("rank: 57 of 100 candidates, in retrieval order")
        assert view.table.column("sources") == [".....P..."] * 3


def test_a_user_named_twice_is_shown_once(after_stage):
    assert len(after_stage("filter", "0003", "0003", top=1)) == 1


def test_a_candidate_file_is_shown_with_names_and_the_last_purchases(served_project, candidate_file):
    from pipelines.candidate_views import candidates_in_file

    known, unknown = candidates_in_file(served_project.repo, candidate_file, users=5, top=4)

    assert known.heading.startswith("user 0003, bought last: ")
    assert len(known.heading.split("; ")) == 5
    assert known.table.column("ranking\nscore") == ["0.50"] * 4
    names = [f"{('Hats', 'Shirts', 'Shoes', 'Trousers')[(int(item) - 1) % 4]} {int(item) % 1000}"
             for item in known.table.column("item")]  # fmt: skip
    assert known.table.column("name") == names
    assert unknown.heading == "user nobody, no purchases"
    assert "ranking\nscore" not in unknown.table.columns
    assert unknown.table.column("retrieval\nrank") == ["1", "2", "3", "4"]


def test_the_job_prints_the_users_of_a_file_and_the_legend_within_100_columns(show, candidate_file):
    done = show("--candidates", candidate_file, "--top", 4)

    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == str(candidate_file)
    assert [line.split(",")[0] for line in lines if line.startswith("user ")] == ["user 0003", "user nobody"]
    assert "T=two_tower" in done.stdout
    assert max(map(len, lines)) <= 100


def test_the_job_prints_the_filters_in_force_and_warns_about_unknown_ids(show, served_project, tmp_path):
    filters = tmp_path / "filters.toml"
    filters.write_text(f'blocked_items = ["{BLOCKED}", "unknown"]\nfor_sale = false\nage_limit = false\n', "utf-8")

    done = show(
        "--releases", served_project.releases, "--stage", "retrieve", "--user", "0003", "--top", 60,
        "--filters", filters,
    )  # fmt: skip

    assert done.exit_code == 0
    assert "blocked_items" in done.stderr
    assert "'unknown'" in done.stderr
    heading = done.stdout.splitlines()[:2]
    assert f"{MOMENT:%Y-%m-%d %H:%M} UTC" in heading[0]
    assert heading[1].startswith("  blocked_items: ")
    [excluded] = [line for line in done.stdout.splitlines() if line.endswith(" blocked_items")]
    assert BLOCKED in excluded


@pytest.mark.parametrize("name", ["candidate_request_v2", "candidate_items_v1"])
def test_a_service_that_changed_since_the_release_is_refused_by_name(call, served_project, tmp_path, name):
    from feast import FeatureService

    from features.store.registry import open_feature_store

    copy = served_project.copy_to(tmp_path / "copy")
    store = open_feature_store(copy.repo)
    view = store.get_feature_view("user_activity_daily")
    store.apply(FeatureService(name=name, features=[view[["purchases_7d"]]]))
    options = ("--releases", served_project.releases, "--stage", "rank", "--user", "0003")

    done = call("show_candidates", "--repo", copy.repo, *options)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: Release 20200301-seed-")
    assert f"'{name}'" in done.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--user", "0003"), "--user"),
        (("--k", 5), "--k"),
        (("--already-bought", "drop"), "--already-bought"),
        (("--stage", "rank", "--user", "0003", "--candidates", "lists.parquet"), "--candidates"),
        (("--stage", "rank", "--user", "0003", "--users", 3), "--users"),
        (("--stage", "rank"), "--user"),
        (("--stage", "rank", "--user", " "), "--user"),
        (("--stage", "rank", "--user", "00\x0703"), "--user"),
    ],
)
def test_options_that_do_not_belong_together_are_refused_by_name(show, options, named):
    done = show(*options)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert f"{named} " in done.stderr
