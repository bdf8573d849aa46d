"""Worlds in which it is known what there is to learn."""

import numpy as np
import pyarrow as pa
import pytest

from ranking.examples import Examples
from ranking.facts import ItemFacts, UserFacts
from ranking.pair_features import pair_features
from ranking.ranker import Boosting, Ranker
from retrieval.fusion import Fused
from retrieval.histories import Histories
from retrieval.item_lists import ItemLists

SOURCES = ("two_tower", "popularity")
ITEMS, USERS, CANDIDATES = 200, 500, 40
WORDS = pa.array(["one", "other"])


def tables(generator):
    """Facts of items and users as the feature store tells them; half of the users pay little, half of them much."""
    sold = np.float32(generator.integers(0, 50, ITEMS))
    words = pa.DictionaryArray.from_arrays(generator.integers(0, 2, ITEMS), WORDS).cast(pa.string())
    items = pa.table(
        {
            "item_id": pa.array([f"{number:03d}" for number in range(ITEMS)]),
            **dict.fromkeys(("sales_1d", "sales_7d", "sales_28d", "sales_total"), sold),
            "first_purchases_28d": sold / 2,
            "buyers_total": sold,
            "item_mean_price": np.float32(np.exp(generator.uniform(0, 4, ITEMS))),
            **{f"{kind}_name": words for kind in ("product_type", "garment_group", "department")},
        }
    )
    made = np.float32(generator.integers(1, 30, USERS))
    lists, counts = pa.array([["one", "other"]] * USERS), pa.array([[2.0, 1.0]] * USERS, pa.list_(pa.float32()))
    users = pa.table(
        {
            **dict.fromkeys(("purchases_7d", "purchases_28d", "purchases_total", "active_days_total"), made),
            "user_mean_price": np.float32(np.exp(np.where(np.arange(USERS) % 2, 0.5, 3.5))),
            **{f"{kind}s": lists for kind in ("product_type", "garment_group", "department")},
            **{f"{kind}_counts": counts for kind in ("product_type", "garment_group", "department")},
            "lately_items": pa.array([["000"]] * USERS),
            **dict.fromkeys(("lately_counts_28d", "lately_counts_91d"), pa.array([[1.0]] * USERS)),
        }
    )
    return items, users


def fused(generator):
    """Candidates by chance, and scores that fall; the sources say nothing else."""
    positions = np.argsort(generator.random((USERS, ITEMS)), axis=1)[:, :CANDIDATES].astype(np.int32)
    scores = np.sort(generator.normal(size=(USERS, CANDIDATES)).astype(np.float32), axis=1)[:, ::-1]
    shape = (USERS, CANDIDATES, len(SOURCES))
    said = generator.normal(size=shape).astype(np.float32)
    return Fused(SOURCES, positions, scores, generator.integers(0, 9, shape).astype(np.int32), said)


@pytest.fixture(scope="session")
def world():
    """Lists of 500 users, of whom each buys what `odds` of his candidates, (pairs,), makes him buy."""

    def world(odds, seed=1):
        generator = np.random.default_rng(seed)
        items, users = tables(generator)
        items = ItemFacts.of(items)
        histories = Histories(
            np.arange(USERS + 1), np.arange(USERS, dtype=np.int32) % ITEMS, np.ones(USERS, np.float32),
            np.zeros(USERS, np.float32),
        )  # fmt: skip
        pairs = pair_features(fused(generator), histories, UserFacts.of(users, items), items)
        bought = generator.random(len(pairs.rows)) < 1 / (1 + np.exp(-odds(pairs)))
        relevant = ItemLists.from_pairs(pairs.rows[bought], pairs.positions[bought], USERS)
        return Examples(pairs, relevant, np.arange(USERS))

    return world


def column(pairs, name):
    return pairs.matrix[:, pairs.names.index(name)]


@pytest.fixture(scope="session")
def by_price(world):
    """Users buy what costs about what they pay, and retrieval does not know it."""
    return world(lambda pairs: -1.0 * column(pairs, "distance of log price to the user's"))


@pytest.fixture(scope="session")
def by_retrieval(world):
    """Its twin: users buy what retrieval puts in front, and nothing else tells what they buy."""
    return world(lambda pairs: 1.5 * column(pairs, "fused score") - 2)


@pytest.fixture(scope="session")
def quick():
    return Boosting(trees=60, learning_rate=0.1, pairs_per_leaf=50)


@pytest.fixture(scope="session")
def held_out(quick):
    """Part the lists of a world: three fifths teach a ranker, the last two have not been seen by it."""

    def held_out(examples):
        lists = np.arange(len(examples))
        return examples.take(lists[300:]), Ranker.fitted(examples.take(lists[:300]), 3, quick)

    return held_out


@pytest.fixture(scope="session")
def price_held_out(by_price, held_out):
    return held_out(by_price)


@pytest.fixture(scope="session")
def retrieval_held_out(by_retrieval, held_out):
    return held_out(by_retrieval)
