"""A training is divided into stages over time, as far as its data suffice."""

from datetime import UTC, datetime, timedelta

import pytest

CUT, AS_OF = datetime(2020, 2, 23, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)


@pytest.fixture
def plan(toy_store, tmp_path, reporter):
    """Plan the stages of a training on the toy data, which begin on 2020-01-01."""
    from models.config import load_preset
    from pipelines.training_stages import plan_stages

    def plan(ranker_weeks, *, training_days=None, split=None, change=lambda purchases: purchases):
        from features.time_split import TimeSplit
        from features.training_data.purchases import write_purchases

        config = load_preset("default", training_days=training_days, epochs=1)
        split = split or TimeSplit.for_release(AS_OF, training_days=training_days)
        purchases = change(write_purchases(toy_store, split, tmp_path))
        return (*plan_stages(purchases, config, ranker_weeks=ranker_weeks, reporter=reporter), reporter)

    return plan


def days_of(splits):
    return [(split.start and f"{split.start:%m-%d}", f"{split.cut:%m-%d}", f"{split.as_of:%m-%d}") for split in splits]


def test_with_earlier_weeks_the_first_stage_ends_before_them_and_the_second_at_the_cut(plan):
    purchases, stages, reporter = plan(4)

    assert days_of(stages.in_order) == [
        (None, "02-02", "02-09"),
        ("10-20", "02-23", "02-23"),
        ("10-27", "03-01", "03-01"),
    ]
    assert days_of(stages.earlier_weeks) == [
        (None, "02-02", "02-09"),
        (None, "02-09", "02-16"),
        (None, "02-16", "02-23"),
    ]
    assert (purchases.split.cut, reporter.results) == (CUT, [])


@pytest.mark.parametrize("weeks", [0, 1, 2])
def test_without_earlier_weeks_the_first_stage_ends_at_the_cut(plan, weeks):
    _, stages, reporter = plan(weeks)

    assert days_of(stages.in_order) == [(None, "02-23", "03-01"), ("10-27", "03-01", "03-01")]
    assert (stages.recent, stages.earlier_weeks, reporter.results) == (None, (), [])


def test_the_training_days_are_those_before_the_first_week(plan):
    purchases, stages, _ = plan(3, training_days=20)

    # Two weeks before the cut on 02-23: 02-09. Twenty days before that: 01-20.
    assert days_of(stages.in_order) == [
        ("01-20", "02-09", "02-16"),
        ("01-20", "02-23", "02-23"),
        ("01-20", "03-01", "03-01"),
    ]
    assert f"{purchases.split.start:%m-%d}" == "01-20"


def test_a_second_stage_begins_where_the_first_one_ends_if_its_days_would_not_reach_back_to_it():
    from features.time_split import TimeSplit
    from pipelines.training_stages import TrainingStages

    week = TimeSplit(None, CUT - timedelta(days=40), CUT - timedelta(days=20))

    stages = TrainingStages.of(TimeSplit(None, CUT, AS_OF), 10, [week])

    assert days_of(stages.in_order) == [
        (None, "01-14", "02-03"),
        ("01-14", "02-23", "02-23"),
        ("02-20", "03-01", "03-01"),
    ]


def test_a_short_history_leaves_the_release_without_earlier_weeks(plan):
    from features.time_split import TimeSplit

    early = datetime(2020, 2, 1, tzinfo=UTC)  # 24 days before the cut, in which one week has as many before it

    _, stages, reporter = plan(4, split=TimeSplit.for_release(early))

    assert stages.recent is None
    assert reporter.results[0].startswith("2 of 4 ranker weeks")


def test_a_week_without_returning_users_leaves_the_release_without_a_ranker(plan, monkeypatch):
    import pyarrow as pa

    from features.training_data.purchases import Purchases

    real = Purchases.read_returning_users

    def none_in_one_week(self):
        return pa.array([], pa.string()) if f"{self.split.cut:%m-%d}" == "02-16" else real(self)

    monkeypatch.setattr(Purchases, "read_returning_users", none_in_one_week)

    _, stages, reporter = plan(4)

    assert (stages.recent, stages.earlier_weeks) == (None, ())
    assert "2020-02-16" in reporter.results[-1]
    assert "ranker" in reporter.results[-1]


def test_without_training_purchases_before_the_first_week_there_are_no_earlier_weeks(plan):
    from features.time_split import TimeSplit

    split = TimeSplit(*(AS_OF + timedelta(days=days) for days in (24, 40, 47)))

    def later(purchases):  # they end on 02-29, and the training days of the first stage begin on 03-04
        return purchases.with_split(split)

    _, stages, reporter = plan(4, change=later)

    assert stages.earlier_weeks == ()
    assert "no training purchases" in reporter.results[-1]
