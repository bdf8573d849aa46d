"""Each ranker week has candidates from before it and purchases within it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def staged(toy_store, training_options, tmp_path_factory):
    """Towers trained in stages on the toy data, with nine ranker weeks requested; and what was reported."""
    from fixtures.jobs import RecordingReporter

    from pipelines.train_towers import train_towers

    options, reporter = training_options(tmp_path_factory.mktemp("artifacts")), RecordingReporter()
    folder = tmp_path_factory.mktemp("staged")
    trained = train_towers(toy_store, options.config, options.split, folder, seed=1, ranker_weeks=9, reporter=reporter)
    return trained, reporter


@pytest.fixture(scope="module")
def weeks(toy_store, staged):
    from models.config import DEFAULT
    from pipelines.ranker_weeks import earlier_weeks

    return earlier_weeks(toy_store, staged[0], DEFAULT, seed=1)


def test_the_weeks_end_where_the_validation_window_begins_and_half_of_the_days_before_stay_free(weeks, staged):
    # The toy data begin on 2020-01-01: of nine weeks there is room for three before the window, and one in it.
    days = [(f"{week.start:%m-%d}", f"{week.end:%m-%d}") for week in weeks]
    assert days == [("02-02", "02-09"), ("02-09", "02-16"), ("02-16", "02-23")]
    assert staged[1].results[0].startswith("4 of 9 ranker weeks")


def test_the_epoch_is_selected_by_the_first_week_and_the_towers_are_validated_at_the_cut(staged):
    from models.config import DEFAULT
    from models.towers import Towers

    trained, reporter = staged

    assert f"{trained.first_week.window.start:%m-%d}" == "02-02"
    first_towers = Towers.from_checkpoint(trained.first_stage, DEFAULT)
    assert trained.training_history.best.window_metrics == trained.first_week.evaluate(first_towers)
    assert trained.metrics == trained.validation.evaluate(trained.towers)
    assert [result.split(",")[0] for result in reporter.results[1:]] == ["epoch 1", "recent days"]


@pytest.mark.parametrize(
    ("stages", "services_that_differ"),
    [
        ([(None, "2020-02-02"), ("2019-10-20", "2020-02-23")], 0),
        ([(None, "2020-02-23")], 2),  # with means and deviations of all days before the cut
    ],
)
def test_the_leakage_test_fits_vocabularies_and_scales_stage_by_stage(
    staged, toy_store, tmp_path, reporter, stages, services_that_differ
):
    from features.store.service_schema import TowerSchemas
    from models.config import DEFAULT
    from pipelines.leakage.leakage_test import LeakageTest

    trained, _ = staged
    (tmp_path / "release" / "validated").mkdir(parents=True)
    trained.towers.checkpoint.write(tmp_path / "release" / "validated")
    manifest = {
        "as_of": "2020-03-01T00:00:00+00:00",
        "seed": 1,
        "warm_start_from": None,
        "training_stages": [
            {"start": start and f"{start}T00:00:00+00:00", "end": f"{end}T00:00:00+00:00"} for start, end in stages
        ],
    }
    schemas = TowerSchemas(trained.towers.query.schema, trained.towers.item.schema)
    release = SimpleNamespace(version="staged", schemas=schemas, config=DEFAULT, manifest=manifest)
    test = LeakageTest(release, tmp_path / "release", (), AS_OF, 1, reporter)

    result = test.compare_release(toy_store, tmp_path / "rows")

    assert sum(bool(comparison.differences) for comparison in result.comparisons) == services_that_differ


def test_the_earlier_weeks_have_the_candidates_of_the_first_towers(weeks, staged):
    from models.config import DEFAULT
    from models.towers import Towers

    trained, _ = staged

    first_towers = Towers.from_checkpoint(trained.first_stage, DEFAULT)
    queries, _ = first_towers.query_vectors(trained.first_week.inputs.queries)

    assert np.allclose(weeks[0].queries.vectors, queries, atol=1e-5)


def test_histories_end_before_the_week_and_purchases_lie_within_it(weeks, validation, toy_purchases):
    for week in [*weeks, validation[0]]:
        start, end = f"{week.start:%Y-%m-%d}", f"{week.end:%Y-%m-%d}"
        ids = week.item_ids.to_pylist()
        for position, user in enumerate(week.user_ids.to_pylist()[:20]):
            before = {item for who, item, moment, _ in toy_purchases if who == user and moment < start}
            within = {item for who, item, moment, _ in toy_purchases if who == user and start <= moment < end}
            assert names(week.queries.histories.bought, position, ids) == sorted(before)
            assert names(week.bought, position, ids) == sorted(within)
            assert names(week.new, position, ids) == sorted(within - before)
            new_candidates = week.drop.positions[week.drop.rows == position]
            assert not before & {ids[item] for item in new_candidates}


def test_the_validation_week_is_the_validation_window(trained, validation):
    week, sources = validation

    assert (week.start, week.end) == (trained.options.split.cut, trained.options.split.as_of)
    assert week.user_ids.equals(trained.result.towers.validation.window.user_ids)
    assert sources.index.item_ids.tolist() == week.item_ids.to_pylist()


def test_of_many_users_some_are_drawn_and_not_the_first_ones(toy_store, trained, validation, monkeypatch):
    from pipelines import ranker_weeks

    monkeypatch.setattr(ranker_weeks, "_MOST_USERS", 10)
    whole, _ = validation

    week, _ = ranker_weeks.validation_week(toy_store, trained.result.towers, seed=1)

    users, drawn = whole.user_ids.to_pylist(), week.user_ids.to_pylist()
    assert len(drawn) == len(week.queries) == len(week.bought) == week.keep.users == 10
    assert set(drawn) < set(users)
    assert drawn != users[:10]
    positions = [users.index(user) for user in drawn]
    assert np.array_equal(week.bought.lengths, whole.bought.lengths[positions])
    assert np.allclose(week.queries.vectors, whole.queries.vectors[positions], atol=1e-5)


def test_a_release_has_as_many_ranker_weeks_as_the_backtest():
    # The number is in two places, because --help must not import the pipelines.
    from jobs.train import main
    from pipelines.training_stages import RANKER_WEEKS

    assert {option.name: option.default for option in main.params}["ranker_weeks"] == RANKER_WEEKS


def names(lists, position, ids):
    return sorted(ids[item] for item in lists.positions[lists.offsets[position] : lists.offsets[position + 1]])
