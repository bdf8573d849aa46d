"""The week that judges asks those who had bought before it, and keeps apart who had not."""

from datetime import UTC, datetime

import pytest


@pytest.fixture(scope="module")
def week(toy_store, tmp_path_factory):
    from pipelines.window import EvaluationWindow

    # After two days the toy shop has sold something to some of its users.
    moments = (datetime(2020, 1, day, tzinfo=UTC) for day in (3, 10))
    return EvaluationWindow.between(toy_store, *moments, tmp_path_factory.mktemp("week"))


def test_everybody_who_buys_is_either_asked_or_counted_as_cold(week, toy_purchases):
    before = {user for user, _, moment, _ in toy_purchases if moment < "2020-01-03"}
    bought = {}
    for user, item, moment, _ in toy_purchases:
        if "2020-01-03" <= moment < "2020-01-10":
            bought.setdefault(user, set()).add(int(item) - 108_775_001)

    assert week.user_ids.to_pylist() == sorted(before & set(bought))
    cold = [week.cold.positions[start:stop].tolist() for start, stop in zip(
        week.cold.offsets[:-1], week.cold.offsets[1:], strict=True)]  # fmt: skip
    assert len(cold) > 10
    assert sorted(cold) == sorted(sorted(items) for user, items in bought.items() if user not in before)
