"""Each ranker week has candidates from before it and purchases within it."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def earlier(toy_store, trained, tmp_path_factory):
    """Ranker weeks before the validation window of the shared training, the splits of their towers, and a reporter."""
    from fixtures.jobs import RecordingReporter

    from pipelines import ranker_weeks
    from pipelines.train_towers import train_towers

    splits = []

    def spy(store, config, split, *others, **named):
        splits.append(split)
        return train_towers(store, config, split, *others, **named)

    def weeks(number):
        folder, reporter = tmp_path_factory.mktemp("weeks") / "weeks", RecordingReporter()
        towers, config = trained.result.towers, trained.options.config
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranker_weeks, "train_towers", spy)
            found = ranker_weeks.earlier_weeks(
                toy_store, towers, config, folder, weeks=number, seed=1, reporter=reporter
            )
        return found, reporter

    return weeks, weeks(9), splits


def test_the_weeks_end_where_the_validation_window_begins_and_half_of_the_days_before_stay_free(earlier):
    _, (weeks, reporter), _ = earlier

    # The toy data begin on 2020-01-01: of nine weeks there is room for three before the window, and one in it.
    days = [(f"{week.start:%m-%d}", f"{week.end:%m-%d}") for week in weeks]
    assert days == [("02-02", "02-09"), ("02-09", "02-16"), ("02-16", "02-23")]
    assert reporter.results[0].startswith("4 of 9 ranker weeks")


def test_towers_of_their_own_end_before_the_first_week(earlier):
    _, (_, reporter), splits = earlier

    assert [(f"{split.cut:%m-%d}", f"{split.as_of:%m-%d}") for split in splits] == [("02-02", "02-09")]
    assert any(line.startswith("epoch 1, ") for line in reporter.details)


def test_histories_end_before_the_week_and_purchases_lie_within_it(earlier, validation, toy_purchases):
    _, (weeks, _), _ = earlier

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
    assert week.user_ids.equals(trained.result.towers.data.validation.user_ids)
    assert sources.index.item_ids.tolist() == week.item_ids.to_pylist()


def test_of_many_users_some_are_drawn_and_not_the_first_ones(toy_store, trained, validation, tmp_path, monkeypatch):
    from pipelines import ranker_weeks

    monkeypatch.setattr(ranker_weeks, "_MOST_USERS", 10)
    whole, _ = validation

    week, _ = ranker_weeks.validation_week(toy_store, trained.result.towers, tmp_path / "week", seed=1)

    users, drawn = whole.user_ids.to_pylist(), week.user_ids.to_pylist()
    assert len(drawn) == len(week.queries) == len(week.bought) == week.keep.users == 10
    assert set(drawn) < set(users)
    assert drawn != users[:10]
    positions = [users.index(user) for user in drawn]
    assert np.array_equal(week.bought.lengths, whole.bought.lengths[positions])
    assert np.allclose(week.queries.vectors, whole.queries.vectors[positions], atol=1e-5)


@pytest.mark.parametrize("number", [1, 2])
def test_fewer_than_three_weeks_train_no_ranker_and_no_towers(earlier, number):
    weeks, _, splits = earlier
    before = len(splits)

    assert weeks(number)[0] == []
    assert len(splits) == before


def test_weeks_that_fail_leave_the_release_without_a_ranker(earlier, monkeypatch):
    from features.errors import InputError
    from pipelines import ranker_weeks

    weeks, _, _ = earlier

    def fail(*_):
        raise InputError("no returning users")

    monkeypatch.setattr(ranker_weeks, "_retrieve_earlier", fail)

    found, reporter = weeks(4)

    assert found == []
    assert "no returning users" in reporter.results[-1]


def test_a_release_has_as_many_ranker_weeks_as_the_backtest():
    # The number is in two places, because --help must not import the pipelines.
    from jobs.train import main
    from pipelines.ranker_weeks import RANKER_WEEKS

    assert {option.name: option.default for option in main.params}["ranker_weeks"] == RANKER_WEEKS


def names(lists, position, ids):
    return sorted(ids[item] for item in lists.positions[lists.offsets[position] : lists.offsets[position + 1]])
