"""The features of a user who buys items now equal those that the nightly build computes after the purchase."""

import csv
from collections import Counter
from datetime import UTC, datetime

import pytest
from fixtures.serving import MOMENT

USERS = ("0003", "0057", "0200", "9001")  # 9001 bought on the last day, at two times, and 0200 never
BOUGHT = ["0108775007", "0108775011", "0108775007"]  # the last one first
LAST_SECOND = "2020-02-29 23:59:59"


def write_world(folder, purchases=()):
    """The toy world with a user of the last day and of windows that end, and with more purchases."""
    from features.raw.toy_data import write_toy_data

    write_toy_data(folder, seed=7, availability=True)
    with (folder / "customers.csv").open("a", encoding="utf-8") as text:
        text.write("9001,,,,,,,\n")
    own = [
        ("2020-02-29 08:00:00", "9001", "0108775002", "0.020", "1"),
        ("2020-02-29 07:00:00", "9001", "0108775007", "0.020", "1"),
        ("2020-02-02 07:00:00", "9001", "0108775007", "0.020", "1"),  # 27 days before the last one
        ("2020-02-01 07:00:00", "9001", "0108775007", "0.020", "1"),  # 28
    ]
    with (folder / "transactions_train.csv").open("a", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows([*own, *purchases])


@pytest.fixture(scope="module")
def projects(applied_project, call):
    """The world as it is, and the same after all users have bought; both with filled online stores."""
    bought = [(LAST_SECOND, user, item, "0.020", "1") for user in USERS for item in reversed(BOUGHT)]
    made = [
        applied_project("before_purchases", write_world),
        applied_project("after_purchases", lambda folder: write_world(folder, bought)),
    ]
    for project in made:
        filled = call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat())
        assert filled.exit_code == 0, filled.stderr
    return made


@pytest.fixture(scope="module")
def pipeline(projects, tmp_path_factory):
    from fixtures.serving import write_untrained

    from features.store.registry import open_feature_store
    from pipelines.candidate_generation import open_pipeline

    project = projects[0]
    write_untrained(open_feature_store(project.repo), project.releases, tmp_path_factory.mktemp("rows"), ["keep"])
    options = {"version": None, "filters": None, "already_bought": None, "k": 12}
    return open_pipeline(project.repo, releases=project.releases, **options)[0]


@pytest.mark.parametrize("user", USERS)
def test_the_features_equal_those_of_a_user_who_really_bought(projects, pipeline, user):
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from features.store.request_services import CANDIDATE_REQUEST
    from pipelines.purchase_now import PurchaseNow
    from pipelines.session_features import SessionFeatures

    reader = FeatureReader(open_feature_store(projects[1].repo), "online")
    [expected] = reader.read(CANDIDATE_REQUEST, [user], MOMENT).to_pylist()
    features = pipeline.reader.read(CANDIDATE_REQUEST, [user], MOMENT)
    sessions = SessionFeatures.open(pipeline)
    paid = sessions.prices.copy()
    paid[:] = 0.02  # what the users of the other world paid

    table = PurchaseNow.read(pipeline, user, BOUGHT).apply(
        features, SessionFeatures(**{**vars(sessions), "prices": paid})
    )

    [row] = table.to_pylist()
    assert row.pop("mean_price") == pytest.approx(expected.pop("mean_price"), rel=1e-5)
    assert row == expected
    assert row["bought_items"][:2] == ["0108775007", "0108775011"]
    assert row["last_purchase_at"] == datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert table.schema == features.schema


def test_nothing_is_written(projects, pipeline):
    from features.store.request_services import CANDIDATE_REQUEST
    from pipelines.purchase_now import PurchaseNow
    from pipelines.session_features import SessionFeatures

    before = pipeline.reader.read(CANDIDATE_REQUEST, ["0003"], MOMENT)
    files = Counter((path, path.stat().st_mtime_ns) for path in projects[0].repo.parent.rglob("*") if path.is_file())

    PurchaseNow.read(pipeline, "0003", BOUGHT).apply(before, SessionFeatures.open(pipeline))

    assert pipeline.reader.read(CANDIDATE_REQUEST, ["0003"], MOMENT) == before
    after = Counter((path, path.stat().st_mtime_ns) for path in projects[0].repo.parent.rglob("*") if path.is_file())
    assert after == files
