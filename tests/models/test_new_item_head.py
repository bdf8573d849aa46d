"""Learned behaviour of the two query vectors, in a world of 36 users with habits and a new item each.

Each user likes one of two colours. Every day they buy the same item, their habit, which they have bought since before
the first day. On one day they also buy one of the six fresh items of their colour. A habit is never new to its user,
and does not predict which fresh item the user buys. On the day after, therefore,

- the query vector ranks the user's habit first;
- the new-item query vector ranks the five other fresh items of the user's colour above all other items that the user
  has not bought, and above the habit.

In the noise twin fresh items are bought regardless of their colour, so colours predict nothing.
"""

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.learned

USERS, DAYS = range(36), 6
COLOURS = ("red", "blue")
HABITS = [f"habit {number}" for number in range(6)]  # colours alternate, as those of the users do
FRESH = [f"fresh {number:02d}" for number in range(12)]
CATALOGUE = HABITS + FRESH
ITEMS = [
    {"item_id": name, "colour": COLOURS[number % 2], "group": "Hats", "sales": 1.0}
    for names in (HABITS, FRESH)
    for number, name in enumerate(names)
]


def habit_of(user):
    return HABITS[user % 6]


def fresh_of(user, *, noise=False):
    return FRESH[user // 2 % 12 if noise else user // 6 * 2 + user % 2]


def fresh_day_of(user):
    return user * 5 % DAYS


def other_fresh_of(user):
    """The fresh items of the user's colour that the user has not bought by the last day."""
    return set(FRESH[user % 2 :: 2]) - {fresh_of(user)}


def features_of(user, day, *, noise):
    """Features of a user as of the morning of a day."""
    bought = [(habit_of(user), day + 1.0, 1.0)]
    if day > fresh_day_of(user):
        bought.append((fresh_of(user, noise=noise), 1.0, float(day - fresh_day_of(user))))
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
        for item in [habit_of(user), *([fresh_of(user, noise=noise)] if day == fresh_day_of(user) else [])]
    ]
    positions = [CATALOGUE.index(item) for _, item in bought]
    candidates = [*positions, *range(len(ITEMS))]  # the whole catalogue is sampled once
    codes = towers.item.encode(items.take(candidates))
    counts = np.bincount(positions, minlength=len(ITEMS))
    return TrainingRows(
        queries=towers.query.encode(queries),
        query_rows=np.array([user for user, _ in bought], np.int32),
        users=np.array(USERS, np.int32),
        new=np.array([item in FRESH for _, item in bought]),
        items=codes,
        candidates=codes["item_id"],
        sales_shares=(counts / counts.sum()).astype(np.float32)[candidates],
        sampling_probability=1 / len(ITEMS),
    )


@pytest.fixture(scope="module")
def fit_and_rank(tiny):
    """Trains towers for a few steps; returns each user's ranked items on the day after, by query vector."""

    def fit_and_rank(*, noise=False, **settings):
        import tensorflow as tf

        schema = replace(tiny.query_schema, embeds_key=False)  # users are represented by their purchases
        items = tiny.table(tiny.item_schema, ITEMS)
        *days, day_after = (
            tiny.table(schema, [features_of(user, day, noise=noise) for user in USERS]) for day in range(DAYS + 1)
        )
        towers = replace(tiny, query_schema=schema, items=items, users=days[0]).towers(
            content_dimensions=8,
            item_memory_dimensions=8,
            log_q_correction=True,
            learning_rate=0.01,
            weight_decay=0.001,
            embedding_learning_rate=0.01,
            item_memory_learning_rate=0.02,
            **settings,
        )
        model = towers.model
        model.build_optimizers()
        step = tf.function(model.train_step, reduce_retracing=True)
        for _ in range(10):
            for day, queries in enumerate(days):
                rows = training_rows(towers, items, queries, day, noise=noise)
                batch = rows.batch(np.arange(len(rows)), np.arange(rows.sampled_count))
                step(tf.nest.map_structure(tf.constant, batch))

        item_vectors = towers.item_vectors(items)
        return [
            [[CATALOGUE[position] for position in order] for order in np.argsort(-scores, axis=1)]
            for scores in (
                vectors @ item_vectors[:, : vectors.shape[1]].T for vectors in towers.query_vectors(day_after)
            )
        ]

    return fit_and_rank


@pytest.fixture(scope="module")
def rankings(fit_and_rank):
    return fit_and_rank()


def share_above_habit(rankings):
    """Share of each user's other fresh items that rank above the user's habit."""
    return np.mean(
        [
            ranking.index(item) < ranking.index(habit_of(user))
            for user, ranking in enumerate(rankings)
            for item in other_fresh_of(user)
        ]
    )


def share_of_colour(rankings, *, noise=False):
    """Share of each user's five best new items that are fresh items of the user's colour."""
    shares = []
    for user, ranking in enumerate(rankings):
        bought = {habit_of(user), fresh_of(user, noise=noise)}
        best = [item for item in ranking if item not in bought][:5]
        shares.append(sum(item in FRESH[user % 2 :: 2] for item in best) / 5)
    return np.mean(shares)


def test_the_query_vector_ranks_each_users_habit_first(rankings):
    by_query_vector, _ = rankings

    assert [ranking[0] for ranking in by_query_vector] == [habit_of(user) for user in USERS]


def test_the_new_item_query_vector_ranks_new_items_of_the_users_colour_above_the_habit(rankings):
    _, by_new_item_vector = rankings

    assert share_above_habit(by_new_item_vector) > 0.95
    assert share_of_colour(by_new_item_vector) > 0.95


def test_without_the_new_item_head_habits_rank_above_new_items(fit_and_rank):
    _, by_content = fit_and_rank(has_new_item_head=False)

    assert share_above_habit(by_content) < 0.7


def test_in_the_noise_twin_colours_are_not_learned(fit_and_rank):
    _, by_new_item_vector = fit_and_rank(noise=True)

    assert share_of_colour(by_new_item_vector, noise=True) < 0.7  # half of the fresh items have the user's colour
