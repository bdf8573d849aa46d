"""An evaluation window separates returning users from cold users."""

from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture(scope="module")
def window(toy_store, tmp_path_factory):
    from pipelines.window import EvaluationWindow

    # Two days after the start of the toy data only some users have purchases.
    moments = (datetime(2020, 1, day, tzinfo=UTC) for day in (3, 10))
    return EvaluationWindow.read(toy_store, *moments, tmp_path_factory.mktemp("window"))


@pytest.mark.parametrize(("start", "name"), [((2019, 12, 29), "training"), ((2020, 5, 25), "evaluation")])
def test_a_window_without_returning_users_is_refused_with_the_range_of_known_purchases(
    toy_store, tmp_path, start, name
):
    from features.errors import InputError
    from pipelines.window import EvaluationWindow

    start = datetime(*start, tzinfo=UTC)

    with pytest.raises(InputError, match=rf"No purchases for {name}.* from 2020-01-01 to 2020-0.*--as-of"):
        EvaluationWindow.read(toy_store, start, start + timedelta(days=7), tmp_path)


def test_every_user_with_purchases_in_the_window_is_either_returning_or_cold(window, toy_purchases):
    before = {user for user, _, moment, _ in toy_purchases if moment < "2020-01-03"}
    bought = {}
    for user, item, moment, _ in toy_purchases:
        if "2020-01-03" <= moment < "2020-01-10":
            bought.setdefault(user, set()).add(int(item) - 108_775_001)

    assert window.user_ids.to_pylist() == sorted(before & set(bought))
    cold = [window.cold_purchases.positions[start:stop].tolist() for start, stop in zip(
        window.cold_purchases.offsets[:-1], window.cold_purchases.offsets[1:], strict=True)]  # fmt: skip
    assert len(cold) > 10
    assert sorted(cold) == sorted(sorted(items) for user, items in bought.items() if user not in before)
