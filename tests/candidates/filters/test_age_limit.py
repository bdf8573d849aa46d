import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candidates.filters.age_limit import AgeLimit


def barred_of(users, goods):
    """By user, the positions of what he must not be shown."""
    n, items = len(users), len(goods)
    stays = AgeLimit().bars(users, goods).mask(np.repeat(np.arange(n), items), np.tile(np.arange(items), n))
    return [np.flatnonzero(~own).tolist() for own in stays.reshape(n, items)]


def test_an_item_with_a_minimum_age_is_for_those_who_have_reached_it(users_of, goods_of):
    goods = goods_of({}, {"minimum_age": 16}, {"minimum_age": 18}, {"minimum_age": 0})
    users = users_of({"age": 15}, {"age": 16}, {"age": 17.9}, {"age": 18}, {"age": 80})

    assert barred_of(users, goods) == [[1, 2], [2], [2], [], []]


def test_of_unknown_age_is_too_young_for_every_limit(users_of, goods_of):
    goods = goods_of({}, {"minimum_age": 0.5}, {"minimum_age": 18})

    assert barred_of(users_of({}, {"age": 0}, {"age": 30}), goods) == [[1, 2], [1, 2], []]


def test_without_limits_nobody_is_barred_not_even_of_unknown_age(users_of, goods_of):
    barred = AgeLimit().bars(users_of({}, {"age": 3}), goods_of({}, {}))

    assert not barred.items.any()
    assert barred.pairs.counts.tolist() == [0, 0]


def test_what_nobody_asked_about_is_old_enough_for_is_barred_once_and_not_for_each_user(users_of, goods_of):
    goods = goods_of({"minimum_age": 16}, {"minimum_age": 18}, {})

    barred = AgeLimit().bars(users_of({}, {"age": 17}), goods)

    assert barred.items.tolist() == [False, True, False]
    assert barred.pairs.positions.tolist() == [0]
    assert AgeLimit().bars(users_of({}, {}), goods).pairs.counts.tolist() == [0, 0]


def test_nobody_is_barred_from_nothing(users_of, goods_of):
    assert len(AgeLimit().bars(users_of(), goods_of({"minimum_age": 18})).pairs) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from([np.nan, 0.0, 12.0, 16.0, 17.5, 18.0, 21.0]), max_size=6),
    st.lists(st.sampled_from([0.0, 0.0, 12.0, 16.0, 18.0]), min_size=1, max_size=9),
)
def test_it_answers_like_asking_every_user_for_every_item(users_of, goods_of, ages, minimums):
    users, goods = users_of(*({"age": age} for age in ages)), goods_of(*({"minimum_age": age} for age in minimums))

    assert barred_of(users, goods) == [
        [item for item, minimum in enumerate(minimums) if minimum > 0 and not age >= minimum] for age in ages
    ]


def test_its_reason_is_a_sentence():
    assert (AgeLimit().name, AgeLimit().reason) == ("age_limit", "The user is too young for it, or of unknown age.")
