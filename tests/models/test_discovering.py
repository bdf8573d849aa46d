"""What the second vector is for: a small world of habits, in which everybody buys something new just once.

Each of 36 users likes one of two colours. Every day he buys the same item, his habit, which he has bought since before
the first day; and on one day he buys one of the six fresh items of his colour. Nobody's habit is new to anybody, and a
habit says nothing of which fresh item it will be. So, on the day after,

- whoever asks for **anything** is shown the habit first;
- whoever asks for **something new** is shown the five fresh items of his colour that he does not have before any other
  that he does not have, and before his habit.

In the noise twin fresh items are bought whatever their colour, and nothing is left to be learned of it.
"""

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.learned

USERS, DAYS = range(36), 6
COLOURS = ("red", "blue")
HABITS = [f"habit {number}" for number in range(6)]  # their colours take turns, as the users' do
FRESH = [f"fresh {number:02d}" for number in range(12)]
ITEMS = [
    {"item_id": name, "colour": COLOURS[number % 2], "group": "Hats", "sales": 1.0}
    for names in (HABITS, FRESH)
    for number, name in enumerate(names)
]


def habit_of(user):
    return HABITS[user % 6]


def fresh_of(user, *, noise=False):
    return FRESH[user // 2 % 12 if noise else user // 6 * 2 + user % 2]


def day_of_fresh(user):
    return user * 5 % DAYS


def missing_of(user):
    """The fresh items of his colour that he does not have after the last day."""
    return set(FRESH[user % 2 :: 2]) - {fresh_of(user)}


def asked(user, day, *, noise):
    """The user as he is known in the morning of the day."""
    bought = [(habit_of(user), day + 1.0, 1.0)]
    if day > day_of_fresh(user):
        bought.append((fresh_of(user, noise=noise), 1.0, float(day - day_of_fresh(user))))
    items, counts, days = map(list, zip(*bought, strict=True))
    return {
        "user_id": f"u{user:02d}",
        "recent_items": items,
        "recent_counts": counts,
        "recent_days": days,
        "colours": [COLOURS[user % 2]],
        "colour_counts": [sum(counts)],
    }


def training_rows(towers, items, queries, day, *, noise):
    from models.training.training_rows import TrainingRows

    bought = [
        (user, item)
        for user in USERS
        for item in [habit_of(user), *([fresh_of(user, noise=noise)] if day == day_of_fresh(user) else [])]
    ]
    places = [(HABITS + FRESH).index(item) for _, item in bought]
    codes = towers.item.encode(items.take([*places, *range(len(ITEMS))]))  # and the whole catalogue once
    counts = np.bincount(places, minlength=len(ITEMS))
    return TrainingRows(
        queries=towers.query.encode(queries),
        query_rows=np.array([user for user, _ in bought], np.int32),
        users=np.array(USERS, np.int32),
        new=np.array([item in FRESH for _, item in bought]),
        items=codes,
        candidates=codes["item_id"],
        sold=(counts / counts.sum()).astype(np.float32)[[*places, *range(len(ITEMS))]],
    )


@pytest.fixture(scope="module")
def ranked(tiny):
    """After a tiny fit, the items as they are ranked for each user on the day after, by either vector."""

    def ranked(*, noise=False, **settings):
        import tensorflow as tf
        import tf_keras as keras

        schema = replace(tiny.query_schema, embeds_key=False)  # users are what they buy
        items = tiny.table(tiny.item_schema, ITEMS)
        *days, day_after = (
            tiny.table(schema, [asked(user, day, noise=noise) for user in USERS]) for day in range(DAYS + 1)
        )
        towers = replace(tiny, query_schema=schema, items=items, users=days[0]).towers(
            content_dimensions=8,
            item_memory_dimensions=8,
            log_q_correction=True,
            embedding_learning_rate=0.01,
            item_memory_learning_rate=0.02,
            **settings,
        )
        model = towers.model
        model.compile(optimizer=keras.optimizers.AdamW(0.01, weight_decay=0.001))
        model.build_optimizers()
        step = tf.function(model.train_step, reduce_retracing=True)
        for _ in range(10):
            for day, queries in enumerate(days):
                rows = training_rows(towers, items, queries, day, noise=noise)
                batch = rows.batch(np.arange(len(rows)), np.arange(rows.sampled), sampling_probability=1 / len(ITEMS))
                step(tf.nest.map_structure(tf.constant, batch))

        catalogue = towers.item_vectors(items)
        return [
            [[(HABITS + FRESH)[place] for place in places] for places in np.argsort(-vectors @ catalogue.T, axis=1)]
            for vectors in towers.query_vectors(day_after)
        ]

    return ranked


@pytest.fixture(scope="module")
def lists(ranked):
    return ranked()


def share_above_habit(rankings):
    """How many of the fresh items of their colour that users do not have stand above their habits."""
    return np.mean(
        [
            ranking.index(item) < ranking.index(habit_of(user))
            for user, ranking in enumerate(rankings)
            for item in missing_of(user)
        ]
    )


def share_of_colour(rankings, *, noise=False):
    """How many of the best five items that users do not have are fresh and of their colour."""
    shares = []
    for user, ranking in enumerate(rankings):
        bought = {habit_of(user), fresh_of(user, noise=noise)}
        best = [item for item in ranking if item not in bought][:5]
        shares.append(sum(item in FRESH[user % 2 :: 2] for item in best) / 5)
    return np.mean(shares)


def test_asked_for_anything_everybody_is_shown_what_he_buys_every_day(lists):
    anything, _ = lists

    assert [ranking[0] for ranking in anything] == [habit_of(user) for user in USERS]


def test_asked_for_something_new_everybody_is_shown_new_items_of_his_colour_above_what_he_repeats(lists):
    _, something_new = lists

    assert share_above_habit(something_new) > 0.95
    assert share_of_colour(something_new) > 0.95


def test_without_discovering_what_is_repeated_is_in_the_way(ranked):
    _, anything_without_memory = ranked(has_new_item_head=False)

    assert share_above_habit(anything_without_memory) < 0.7


def test_in_the_noise_twin_no_colour_is_learned(ranked):
    _, something_new = ranked(noise=True)

    assert share_of_colour(something_new, noise=True) < 0.7  # about half the fresh items are of his colour
