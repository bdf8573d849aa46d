import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candidates.filters.age_limit import AgeLimit


def barred_of(users, item_context):
    """By user, the positions of what he must not be shown."""
    n, items = len(users), len(item_context)
    stays = AgeLimit().exclude(users, item_context).mask(np.repeat(np.arange(n), items), np.tile(np.arange(items), n))
    return [np.flatnonzero(~own).tolist() for own in stays.reshape(n, items)]


def test_an_item_with_a_minimum_age_is_for_those_who_have_reached_it(users_of, item_context_of):
    item_context = item_context_of({}, {"minimum_age": 16}, {"minimum_age": 18}, {"minimum_age": 0})
    users = users_of({"age": 15}, {"age": 16}, {"age": 17.9}, {"age": 18}, {"age": 80})

    assert barred_of(users, item_context) == [[1, 2], [2], [2], [], []]


def test_of_unknown_age_is_too_young_for_every_limit(users_of, item_context_of):
    item_context = item_context_of({}, {"minimum_age": 0.5}, {"minimum_age": 18})

    assert barred_of(users_of({}, {"age": 0}, {"age": 30}), item_context) == [[1, 2], [1, 2], []]


def test_without_limits_nobody_is_barred_not_even_of_unknown_age(users_of, item_context_of):
    exclusions = AgeLimit().exclude(users_of({}, {"age": 3}), item_context_of({}, {}))

    assert not exclusions.items.any()
    assert exclusions.pairs.counts.tolist() == [0, 0]


def test_what_nobody_asked_about_is_old_enough_for_is_barred_once_and_not_for_each_user(users_of, item_context_of):
    item_context = item_context_of({"minimum_age": 16}, {"minimum_age": 18}, {})

    exclusions = AgeLimit().exclude(users_of({}, {"age": 17}), item_context)

    assert exclusions.items.tolist() == [False, True, False]
    assert exclusions.pairs.positions.tolist() == [0]
    assert AgeLimit().exclude(users_of({}, {}), item_context).pairs.counts.tolist() == [0, 0]


def test_nobody_is_barred_from_nothing(users_of, item_context_of):
    assert len(AgeLimit().exclude(users_of(), item_context_of({"minimum_age": 18})).pairs) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from([np.nan, 0.0, 12.0, 16.0, 17.5, 18.0, 21.0]), max_size=6),
    st.lists(st.sampled_from([0.0, 0.0, 12.0, 16.0, 18.0]), min_size=1, max_size=9),
)
def test_it_answers_like_asking_every_user_for_every_item(users_of, item_context_of, ages, minimums):
    users, item_context = (
        users_of(*({"age": age} for age in ages)),
        item_context_of(*({"minimum_age": age} for age in minimums)),
    )

    assert barred_of(users, item_context) == [
        [item for item, minimum in enumerate(minimums) if minimum > 0 and not age >= minimum] for age in ages
    ]


def test_its_reason_is_a_sentence():
    assert (AgeLimit().name, AgeLimit().reason) == ("age_limit", "The user is too young for it, or of unknown age.")
