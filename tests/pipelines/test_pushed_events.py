"""Features that are pushed after purchases equal those that the nightly build computes from the same purchases."""

import csv
from datetime import datetime, timedelta

import pytest
from fixtures.serving import MOMENT

USERS = ("0003", "0057", "0200", "9001", "9002")  # 0200 never bought, 9001 is new, 9002 bought nothing
EVENTS = [  # in the order in which they arrive
    ("0003", "0108775007", "2020-03-01 09:00:00", 0.02),
    ("0003", "0108775011", "2020-03-01 08:00:00", 0.050830508474576264),
    ("0003", "0108775007", "2020-03-04 10:00:00", 0.1),
    ("0057", "0108775002", "2020-03-01 23:59:59.999999", 0.3),
    ("0200", "0108775002", "2020-03-02 00:00:00", 0.01),
    ("9001", "0108775001", "2020-03-03 12:00:00", 1 / 3),
]


def write_world(folder, purchases=()):
    from features.raw.toy_data import write_toy_data

    write_toy_data(folder, seed=7, availability=True)
    with (folder / "customers.csv").open("a", encoding="utf-8") as text:
        text.write("9001,,,,,,,\n9002,,,,,,,\n")
    with (folder / "transactions_train.csv").open("a", encoding="utf-8", newline="") as text:
        rows = [(moment, user, item, repr(price), "1") for user, item, moment, price in purchases]
        csv.writer(text, lineterminator="\n").writerows(rows)


def moment_of(text):
    return datetime.fromisoformat(f"{text}+00:00")


def morning_after(user):
    last = max((moment_of(moment) for buyer, _, moment, _ in EVENTS if buyer == user), default=None)
    return MOMENT if last is None else last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


@pytest.fixture(scope="module")
def before(applied_project, call):
    project = applied_project("before_events", write_world)
    filled = call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat())
    assert filled.exit_code == 0, filled.stderr
    return project


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    from features.event_log import EventLog, PurchaseEvent

    log = EventLog(tmp_path_factory.mktemp("log") / "events.db")
    log.append(
        [[PurchaseEvent(str(number), user, item, moment_of(moment), price, "1")]
         for number, (user, item, moment, price) in enumerate(EVENTS)]
    )  # fmt: skip
    yield log
    log.close()


@pytest.fixture(scope="module")
def pipeline(before, tmp_path_factory):
    from fixtures.serving import write_untrained

    from features.store.registry import open_feature_store
    from pipelines.candidate_generation import open_pipeline

    write_untrained(open_feature_store(before.repo), before.releases, tmp_path_factory.mktemp("rows"), ["keep"])
    options = {"version": None, "filters": None, "already_bought": None, "k": 12}
    return open_pipeline(before.repo, releases=before.releases, **options)[0]


@pytest.fixture(scope="module")
def pushed(pipeline, log, tmp_path_factory):
    from pipelines.pushed_events import PushedEvents

    return PushedEvents.open(pipeline, log, tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def after(applied_project, call):
    return applied_project("after_events", lambda folder: write_world(folder, EVENTS))


@pytest.mark.parametrize("user", USERS)
def test_pushed_features_equal_those_of_the_nightly_build(pipeline, pushed, after, user):
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from features.store.request_services import CANDIDATE_REQUEST

    nightly = FeatureReader(open_feature_store(after.repo), "offline")
    expected = nightly.read(CANDIDATE_REQUEST, [user], morning_after(user))

    assert pipeline.reader.read(CANDIDATE_REQUEST, [user], MOMENT).to_pylist() == expected.to_pylist()
    assert pipeline.reader.moments_of([user], MOMENT) == (None if user == "9002" else [morning_after(user)])


def test_users_with_and_without_events_are_read_together(pipeline, pushed):
    from features.store.request_services import CANDIDATE_REQUEST

    users = ["9002", "0003", "unknown", "0057", "0003", "0001"]
    alone = [pipeline.reader.read(CANDIDATE_REQUEST, [user], MOMENT).to_pylist()[0] for user in users]

    assert pipeline.reader.read(CANDIDATE_REQUEST, users, MOMENT).to_pylist() == alone


def test_the_generation_stays_as_it_is(pipeline, pushed, before):
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from features.store.request_services import CANDIDATE_REQUEST

    other = FeatureReader(open_feature_store(before.repo), "online")
    offline = FeatureReader(open_feature_store(before.repo), "offline")

    other.generation.check_intact()
    assert other.read(CANDIDATE_REQUEST, [*USERS], MOMENT) == offline.read(CANDIDATE_REQUEST, [*USERS], MOMENT)


def test_the_next_build_with_the_log_equals_a_build_of_raw_tables_with_these_purchases(before, after, log, tmp_path):
    import pyarrow.parquet as pq

    from features.tables.build import build_feature_tables
    from features.tables.feature_tables import TABLES

    built = build_feature_tables(
        before.raw, tmp_path / "with_log", quarantine=None, memory_limit="1GB",
        progress=lambda *_: lambda _: None, events=log.path,
    )  # fmt: skip
    again = build_feature_tables(
        after.raw, tmp_path / "superseded", quarantine=None, memory_limit="1GB",
        progress=lambda *_: lambda _: None, events=log.path,
    )  # fmt: skip

    assert [(each.logged.added, each.logged.covered) for each in (built, again)] == [(len(EVENTS), 0), (0, len(EVENTS))]
    for name in TABLES:
        expected = pq.read_table(after.repo.parent / "data" / "features" / f"{name}.parquet").to_pylist()
        assert pq.read_table(tmp_path / "with_log" / f"{name}.parquet").to_pylist() == expected, name
        assert pq.read_table(tmp_path / "superseded" / f"{name}.parquet").to_pylist() == expected, name


def test_a_build_takes_whole_days_of_the_log_only(before, log, tmp_path):
    from features.tables.build import build_feature_tables

    built = build_feature_tables(
        before.raw, tmp_path / "tables", quarantine=None, memory_limit="1GB", progress=lambda *_: lambda _: None,
        events=log.path, latest=moment_of("2020-03-03 13:00:00"),
    )  # fmt: skip

    assert built.logged.added == 4  # those of 3 March, an incomplete day, wait for a later build
    assert built.data_end == moment_of("2020-03-03 00:00:00")
