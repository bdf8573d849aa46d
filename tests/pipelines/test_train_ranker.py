"""Who orders the candidates: what earlier weeks taught, if the last week bears it out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import candidates.ranking.ranker as ranker_module
from candidates.item_lists import ItemLists
from candidates.ranking.ranker import BoostingConfig
from candidates.ranking.ranker_features import PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.leakage_heuristics import Finding

USERS, CANDIDATES = 150, 30
SOURCES = ("two_tower",)
NAMES = feature_names(SOURCES)
END = datetime(2020, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def examples(seed, *, by_price=1.0, by_score=1.0, told=False):
    """Candidates of which the dear ones with a high score are bought; with `told` one feature gives it away."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(USERS * CANDIDATES, len(NAMES))).astype(np.float32)
    price, score, leak = (NAMES.index(name) for name in ("log_price", "blender_score", "repurchase_rate"))
    scores = matrix[:, score].reshape(USERS, CANDIDATES)
    scores[:] = -np.sort(-scores, axis=1)
    odds = by_price * matrix[:, price] + by_score * matrix[:, score] - 3
    bought = generator.random(len(odds)) < 1 / (1 + np.exp(-odds))
    if told:
        matrix[:, leak] = bought + 0.1 * matrix[:, leak]
    rows, positions = np.divmod(np.arange(len(odds)), CANDIDATES)
    pairs = PairFeatures(SOURCES, USERS, rows, positions.astype(np.int32), matrix)
    return TrainingExamples(pairs, ItemLists.from_pairs(rows[bought], positions[bought], USERS), np.arange(USERS))


def week(place, **rules):
    """One of the weeks before the end, the last one with place 0, with the same purchases under both policies."""
    told = examples(seed=place, **rules)
    users = pa.array([f"{number:03d}" for number in range(USERS)])
    return SimpleNamespace(
        user_ids=users,
        start=END - (place + 1) * WEEK,
        end=END - place * WEEK,
        keep=told,
        drop=told,
        bought=None,
        new=None,
    )


@pytest.fixture
def run(monkeypatch):
    """The module, for which lists and features of a week are made already."""
    from pipelines import train_ranker

    blender = SimpleNamespace(blend=lambda pool, _: pool)
    monkeypatch.setattr(train_ranker, "fit_blenders", lambda *_: SimpleNamespace(keep=blender, drop=blender))
    monkeypatch.setattr(train_ranker.Blender, "from_json", lambda _: blender)
    facts = SimpleNamespace(examples=lambda blended, _: blended)
    monkeypatch.setattr(train_ranker, "_Facts", SimpleNamespace(of=lambda *_: facts))
    return train_ranker


@pytest.fixture
def learn(run):
    def learn(*weeks):
        said = []
        return run.train_rankers(None, weeks, seed=1, say=said.append), said

    return learn


@pytest.fixture
def ranker(learn):
    """Learned from weeks in which the dear things are bought."""
    return learn(week(4), week(3), week(2))[0].keep.ranker


@pytest.fixture
def carry(run, ranker):
    def carry(judge, until):
        earlier = SimpleNamespace(
            version="20200201-default-0a1b2c3d", blender={"keep": None, "drop": None}, rankers={"keep": ranker},
            ranker_trained_until=lambda _: until,
        )  # fmt: skip
        said = []
        return run.carry_over_rankers(None, judge, earlier, seed=1, say=said.append), said

    return carry


def test_what_holds_in_the_last_week_too_is_learned_from_all_of_them(learn):
    rankings, said = learn(week(2), week(1), week(0))

    assert set(rankings.rankers) == {"keep", "drop"}
    assert rankings.until == {"keep": "2020-03-01T00:00:00+00:00", "drop": "2020-03-01T00:00:00+00:00"}
    assert rankings.keep.importances[0].name == "log_price"
    assert said[0].startswith("all items: Ranker used: NDCG@12 of 1")


def test_what_has_ended_by_the_last_week_leaves_the_order_to_retrieval(learn):
    rankings, said = learn(week(2), week(1), week(0, by_price=-1.0))

    assert (rankings.rankers, rankings.until) == ({}, {})
    assert said[1].startswith("new items: Ranker not used: NDCG@12 of 1")


def test_two_weeks_teach_no_order(learn):
    rankings, said = learn(week(1), week(0))

    assert rankings.rankers == {}
    assert said[0].startswith("all items: Ranker not used: 2 of the 3 weeks are there")


def test_what_teaches_nothing_leaves_the_order_to_retrieval_and_stops_no_training(learn, monkeypatch):
    monkeypatch.setattr(
        ranker_module, "BoostingConfig", lambda: BoostingConfig(min_pairs_per_leaf=USERS * CANDIDATES + 1)
    )

    rankings, said = learn(week(2), week(1), week(0))

    assert rankings.rankers == {}
    assert said[0].startswith("all items: Ranker not used: ")
    assert " 0 features " in said[0]


def test_a_suspected_leak_disables_the_ranker_and_the_training_continues(learn):
    rankings, messages = learn(week(2), week(1, told=True), week(0, told=True))

    assert (rankings.rankers, rankings.until) == ({}, {})
    assert "repurchase_rate" in rankings.keep.choice.reason
    assert rankings.keep.choice.reason in messages[0]
    assert rankings.keep.choice.ndcg_at_12["difference"][1] > 0  # the measured gain stays on record
    assert rankings.keep.importances[0].name == "repurchase_rate"


def test_a_suspected_leak_disables_a_ranker_of_an_earlier_release(run, carry, monkeypatch):
    finding = Finding("log_price", "Feature 'log_price' is suspicious.")
    monkeypatch.setattr(run, "suspicious_features", lambda *_: [finding])

    rankings, messages = carry(week(0), END - WEEK)

    assert (rankings.rankers, rankings.until) == ({}, {})
    assert finding.message in messages[0]


def test_a_ranker_that_has_learned_from_the_last_week_goes_on_and_stays_as_old_as_it_is(carry, ranker):
    until = END - timedelta(days=1)

    rankings, said = carry(week(0, by_price=-1.0), until)

    assert rankings.rankers == {"keep": ranker}
    assert rankings.until == {"keep": until.isoformat()}
    assert said[0].startswith("all items: Ranker used: it has learned from purchases up to 2020-02-29")
    assert "has no ranker, and one week teaches none" in said[1]


@pytest.mark.parametrize(("by_price", "stays"), [(1.0, True), (-1.0, False)])
def test_a_week_that_it_has_not_seen_tells_whether_a_ranker_goes_on(carry, ranker, by_price, stays):
    until = END - WEEK

    rankings, _ = carry(week(0, by_price=by_price), until)

    assert rankings.rankers == ({"keep": ranker} if stays else {})
    assert rankings.until == ({"keep": until.isoformat()} if stays else {})
    assert rankings.keep.choice.users > 100


def test_a_week_in_which_hardly_anybody_buys_takes_no_ranker_away(carry, ranker):
    judge = week(0)
    few = replace(judge.keep, relevant=ItemLists.from_lists([np.array([0])] + [np.array([], np.int64)] * (USERS - 1)))
    judge.keep = judge.drop = few

    rankings, said = carry(judge, END - WEEK)

    assert rankings.rankers == {"keep": ranker}
    assert said[0].startswith("all items: Ranker used: 1 user ")
