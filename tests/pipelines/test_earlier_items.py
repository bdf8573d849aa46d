"""Every item that a user has ever bought is excluded, also those beyond the list of bought items."""

import pytest
from fixtures.serving import MOMENT, K, bought_items, write_untrained

LENGTH = 3  # of the list of bought items, 2,000 elsewhere


@pytest.fixture(scope="module")
def shortened():
    with pytest.MonkeyPatch.context() as patch:
        for module in ("features.tables.feature_tables", "pipelines.earlier_items"):
            patch.setattr(f"{module}.MAX_BOUGHT_ITEMS", LENGTH)
        yield


@pytest.fixture(scope="module")
def project(shortened, applied_project, call, tmp_path_factory):
    """A project whose lists of bought items hold three items, with a release."""
    from features.raw.toy_data import write_toy_data
    from features.store.registry import open_feature_store

    project = applied_project("short_lists", lambda folder: write_toy_data(folder, seed=7, users=40))
    filled = call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat())
    assert filled.exit_code == 0, filled.stderr
    assert "warning" not in filled.stderr  # online and offline values are equal
    write_untrained(open_feature_store(project.repo), project.releases, tmp_path_factory.mktemp("rows"), [])
    return project


@pytest.fixture(scope="module")
def ever_bought(project):
    """The items that each user has bought before the moment."""
    return bought_items(project.raw, before=MOMENT.date())


@pytest.fixture(scope="module", params=["online", "offline"])
def pipeline(project, request):
    from pipelines.candidate_generation import open_pipeline

    pipeline, _ = open_pipeline(
        project.repo, releases=project.releases, version=None, filters=None, already_bought="drop", k=K,
        source=request.param, as_of=MOMENT.isoformat() if request.param == "offline" else None,
    )  # fmt: skip
    return pipeline


def excluded(pipeline, requests):
    ids = pipeline.item_context.item_codes.texts
    found = {}
    for request in requests:
        pairs = pipeline.exclude_by_filter(request)["already_bought"].pairs
        for row, user in enumerate(request.user_ids):
            positions = pairs.positions[pairs.offsets[row] : pairs.offsets[row + 1]]
            found[user] = {ids[int(position)].as_py() for position in positions}
    return found


def test_all_items_that_a_user_has_ever_bought_are_excluded(pipeline, ever_bought):
    users = sorted(ever_bought)
    assert max(map(len, ever_bought.values())) > 3 * LENGTH

    requests = [pipeline.build_request(*block) for block in pipeline.read_blocks(users)]

    assert excluded(pipeline, requests) == ever_bought
    assert max(request.queries.histories.bought.lengths.max() for request in requests) == LENGTH
    for request in requests:
        for row in pipeline.run(request)[0].to_pylist():
            assert row["item_id"] not in ever_bought[row["user_id"]]


def test_a_single_user_gets_the_same_exclusions(pipeline, ever_bought):
    user = max(ever_bought, key=lambda user: len(ever_bought[user]))

    request = pipeline.read([user, "nobody"])

    assert excluded(pipeline, [request]) == {user: ever_bought[user], "nobody": set()}


def test_users_with_short_histories_cost_no_read(pipeline, ever_bought, monkeypatch):
    from features.store.request_services import CANDIDATE_REQUEST

    user = min(ever_bought, key=lambda user: len(ever_bought[user]))
    monkeypatch.setattr("pipelines.earlier_items.MAX_BOUGHT_ITEMS", LENGTH + 1)
    features = pipeline.reader.read(CANDIDATE_REQUEST, [user], pipeline.moment)

    request = pipeline.read([user])

    assert request.features.column_names == features.column_names
    assert request.users.earlier is None


def test_where_bought_items_may_be_candidates_nothing_more_is_read(project, ever_bought):
    from pipelines.candidate_generation import open_pipeline

    keep, _ = open_pipeline(
        project.repo, releases=project.releases, version=None, filters=None, already_bought="keep", k=K
    )

    assert keep.read([*ever_bought]).users.earlier is None
