"""Weeks that teach: each is listed by towers, sales and histories of before it, and labelled by what came in it."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)  # the toy world begins on 2020-01-01


@pytest.fixture(scope="module")
def taught(toy_store, tmp_path_factory):
    """Four weeks before the end of the toy world, which trainings made the towers that list them, and what was said."""
    from features.time_split import TimeSplit
    from models.config import DEFAULT
    from pipelines import ranker_weeks
    from pipelines.train_towers import train_towers

    config, folder, said, splits = replace(DEFAULT, epochs=1), tmp_path_factory.mktemp("run"), [], []

    def spy(store, config, split, *others, **named):
        splits.append(split)
        return train_towers(store, config, split, *others, **named)

    run = train_towers(toy_store, config, TimeSplit.for_release(AS_OF), folder, seed=1, say=lambda _: None)

    def weeks(number, most_users=2_000):
        place = tmp_path_factory.mktemp("weeks") / "weeks"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranker_weeks, "train_towers", spy)
            patch.setattr(ranker_weeks, "_MOST_USERS", most_users)
            return ranker_weeks.label_weeks(toy_store, run, config, place, weeks=number, seed=1, say=said.append)

    return weeks, weeks(4), splits, said


def test_four_weeks_stand_one_after_the_other_and_end_with_the_validation_week(taught):
    _, weeks, _, _ = taught

    days = [(f"{week.start:%m-%d}", f"{week.end:%m-%d}") for week in weeks]
    assert days == [("02-02", "02-09"), ("02-09", "02-16"), ("02-16", "02-23"), ("02-23", "03-01")]


def test_earlier_weeks_are_listed_by_towers_that_end_before_the_first_of_them(taught):
    _, _, splits, said = taught

    assert [(f"{split.cut:%m-%d}", f"{split.as_of:%m-%d}") for split in splits] == [("02-02", "02-09")]
    assert said[0] == "earlier towers, for the lists of 3 weeks from 2020-02-02 on:"
    assert said[1].startswith("epoch 1, ")


def test_what_was_known_is_of_before_each_week_and_what_was_bought_of_within_it(taught, toy_purchases):
    _, weeks, _, _ = taught

    for week in weeks:
        start, end = f"{week.start:%Y-%m-%d}", f"{week.end:%Y-%m-%d}"
        ids = week.item_ids.to_pylist()
        for place, user in enumerate(week.user_ids.to_pylist()[:20]):
            before = {item for who, item, moment, _ in toy_purchases if who == user and moment < start}
            within = {item for who, item, moment, _ in toy_purchases if who == user and start <= moment < end}
            told = [ids[position] for position in of(week.queries.histories.bought, place)]
            assert sorted(told) == sorted(before)
            assert sorted(ids[position] for position in of(week.bought, place)) == sorted(within)
            assert sorted(ids[position] for position in of(week.new, place)) == sorted(within - before)
            dropped = week.drop.positions[week.drop.rows == place]
            assert not before & {ids[position] for position in dropped}


def test_of_many_users_some_are_drawn_and_they_are_not_the_first(taught):
    weeks, whole, _, _ = taught

    (few,) = weeks(1, most_users=10)

    everybody = whole[-1].user_ids.to_pylist()
    drawn = few.user_ids.to_pylist()
    assert len(drawn) == len(few.queries) == len(few.bought) == few.keep.users == 10
    assert set(drawn) < set(everybody)
    assert drawn != everybody[:10]
    places = [everybody.index(user) for user in drawn]
    assert np.array_equal(few.bought.lengths, whole[-1].bought.lengths[places])
    assert np.allclose(few.queries.vectors, whole[-1].queries.vectors[places], atol=1e-5)


def test_one_week_takes_no_other_towers(taught):
    weeks, _, splits, _ = taught
    before = len(splits)

    assert len(weeks(1)) == 1
    assert len(splits) == before


def test_two_weeks_would_teach_no_order_and_take_no_other_towers(taught):
    weeks, whole, splits, _ = taught
    before = len(splits)

    (last,) = weeks(2)

    assert last.start == whole[-1].start
    assert len(splits) == before


def test_earlier_weeks_that_cannot_be_had_cost_no_training(taught, monkeypatch):
    from features.errors import InputError
    from pipelines import ranker_weeks

    weeks, whole, _, said = taught

    def nobody(*_):
        raise InputError("No purchase is left for the week that judges.")

    monkeypatch.setattr(ranker_weeks, "_earlier_weeks", nobody)

    (last,) = weeks(4)

    assert last.start == whole[-1].start
    assert said[-1] == (
        "no order of candidates is learned, because of the weeks that would teach it: No purchase is left for the week "
        "that judges."
    )


def test_where_purchases_begin_too_late_fewer_weeks_teach(taught):
    weeks, _, _, said = taught

    assert [f"{week.start:%m-%d}" for week in weeks(9)] == ["02-02", "02-09", "02-16", "02-23"]
    assert "4 of 9 weeks can be listed for an order: the purchases begin too late for more" in said


def test_a_training_is_taught_by_as_many_weeks_as_the_evaluation_judges():
    # The number stands twice, because help must not load what the other stands in.
    from jobs.train import main
    from pipelines.ranker_weeks import RANKER_WEEKS

    assert {option.name: option.default for option in main.params}["label_weeks"] == RANKER_WEEKS


def of(lists, place):
    return lists.positions[lists.offsets[place] : lists.offsets[place + 1]].tolist()
