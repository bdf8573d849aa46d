"""The blender is compared with its best source in weeks that it was not fitted on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.blenders import blender_of

from candidates.item_lists import ItemLists
from candidates.pool import Pool

USERS, ITEMS = 200, 40
START = datetime(2020, 2, 2, tzinfo=UTC)


def blender(good, noise):
    """A blender that weights being high on the lists of two sources."""
    return blender_of(("good", "noise"), [4 * good, 4 * noise, -good, -noise, 0, 0])


def week(seed=0, users=USERS):
    """A pool of a source of which users buy the first items, and one of noise; and the purchases."""
    generator = np.random.default_rng(seed)
    good, noise = (
        np.stack([start + generator.permutation(ITEMS)[:20] for _ in range(users)]).astype(np.int32)
        for start in (0, ITEMS)
    )
    scores = np.broadcast_to(-np.arange(20, dtype=np.float32), good.shape)
    bought = ItemLists.from_lists([own[: 1 + user % 3] for user, own in enumerate(good)])
    return Pool.from_lists({"good": (good, scores), "noise": (noise, scores)}), bought


@pytest.fixture
def check():
    from pipelines.check_order import check_order

    def check(*weeks):
        return check_order([f"2020-02-{2 + 7 * number:02d}" for number in range(len(weeks))], weeks, seed=1)

    return check


def test_a_blender_as_good_as_its_best_source_keeps_its_order(check):
    found = check((blender(1, 0), *week(0)), (blender(1, 0), *week(1)))

    assert (found.best, found.leading) == ("good", None)
    assert [(each.users, each.difference) for each in found.weeks] == [(USERS, [0, 0, 0])] * 2
    assert found.weeks[0].blended == found.weeks[0].source == 1
    assert found.reason.startswith("the blender's order: NDCG@12 of the blender and of good, its best source")


def test_one_week_in_which_it_is_clearly_worse_suffices_to_serve_the_source(check):
    found = check((blender(1, 0), *week(0)), (blender(0, 1), *week(1)), (blender(1, 0), *week(2)))

    assert (found.best, found.leading) == ("good", "good")
    assert found.weeks[1].difference[2] < 0
    assert "the order of good" in found.reason
    assert "from 2020-02-09" in found.reason


def test_a_difference_within_its_interval_is_no_reason(check):
    """The blender puts the first item of the noise before the twelfth of the good source, which one user bought."""
    pool, bought = week()
    lists = [bought.positions[bought.offsets[user] : bought.offsets[user + 1]] for user in range(USERS)]
    lists[0] = pool.positions[(pool.rows == 0) & (pool.ranks[:, 0] == 12)]

    found = check((blender(1, 0.4), pool, ItemLists.from_lists(lists)))

    assert found.leading is None
    [compared] = found.weeks
    assert compared.difference[0] < 0 <= compared.difference[2]


def test_weeks_with_few_buyers_decide_nothing(check):
    pool, bought = week(users=49)

    found = check((blender(0, 1), pool, bought))

    assert (found.best, found.leading, found.weeks) == (None, None, ())
    assert "no left-out week has 50 users" in found.reason


def test_all_and_new_items_are_checked_with_their_own_candidates_and_purchases():
    from pipelines.check_order import check_orders
    from pipelines.fit_blender import Blenders
    from pipelines.left_out_weeks import LeftOutWeek

    (keep, bought), (drop, new) = week(0), week(1)
    of_week = SimpleNamespace(keep=keep, bought=bought, drop=drop, new=new, start=START)

    checks = check_orders([LeftOutWeek(of_week, Blenders(blender(1, 0), blender(0, 1)))], seed=1)

    assert checks.leading == (None, "good")
    assert checks.to_json()["drop"]["weeks"][0]["start"] == "2020-02-02T00:00:00+00:00"
    assert [note.split(":")[0] for note in checks.notes] == ["retrieval of all items", "retrieval of new items"]


def test_the_blenders_of_a_left_out_week_know_the_weeks_before_it_only(monkeypatch, reporter):
    from pipelines import left_out_weeks as module

    monkeypatch.setattr(module, "fit_blenders", lambda weeks, _: [each.start for each in weeks])
    weeks = [SimpleNamespace(start=START + number * timedelta(7)) for number in range(4)]

    left_out = module.left_out_weeks(weeks, reporter)

    assert [each.week for each in left_out] == weeks[1:]
    assert [max(each.blenders) < each.week.start for each in left_out] == [True] * 3
    assert [len(each.blenders) for each in left_out] == [1, 2, 3]
