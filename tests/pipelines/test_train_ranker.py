"""A ranker is trained on earlier weeks, and served if it is better than retrieval order in the last week."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import candidates.ranking.ranker as ranker_module
from candidates.item_lists import ItemLists
from candidates.ranking.ranker import BoostingConfig, Ranker
from candidates.ranking.ranker_features import BLENDER_SCORE, PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.leakage_heuristics import Finding

USERS, CANDIDATES = 150, 30
SOURCES = ("two_tower",)
NAMES = feature_names(SOURCES)
REPEATED = "repurchase_rate"
END = datetime(2020, 3, 1, tzinfo=UTC)
BLENDER = None  # the candidates of a week are its examples
WEEK = timedelta(days=7)


def examples(seed, *, by_price=1.0, by_score=1.0, leaking=False):
    """Candidates; expensive ones with a high score are bought, and with `leaking` one feature contains the purchase."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(USERS * CANDIDATES, len(NAMES))).astype(np.float32)
    price, score, leak = (NAMES.index(name) for name in ("log_price", BLENDER_SCORE, REPEATED))
    scores = matrix[:, score].reshape(USERS, CANDIDATES)
    scores[:] = -np.sort(-scores, axis=1)
    odds = by_price * matrix[:, price] + by_score * matrix[:, score] - 3
    bought = generator.random(len(odds)) < 1 / (1 + np.exp(-odds))
    if leaking:
        matrix[:, leak] = bought + 0.1 * matrix[:, leak]
    rows, positions = np.divmod(np.arange(len(odds)), CANDIDATES)
    pairs = PairFeatures(SOURCES, USERS, rows, positions.astype(np.int32), matrix)
    return TrainingExamples(pairs, ItemLists.from_pairs(rows[bought], positions[bought], USERS), np.arange(USERS))


def week(weeks_before_the_last, **rules):
    """A ranker week with the same purchases under both policies."""
    of_week = examples(seed=weeks_before_the_last, **rules)
    return SimpleNamespace(
        user_ids=pa.array([f"{number:03d}" for number in range(USERS)]),
        start=END - (weeks_before_the_last + 1) * WEEK,
        end=END - weeks_before_the_last * WEEK,
        keep=of_week,
        drop=of_week,
        bought=None,
        new=None,
    )


@pytest.fixture
def module(monkeypatch):
    """The module, with the examples of a week in place of its pools and features."""
    from pipelines import train_ranker

    monkeypatch.setattr(train_ranker.Blender, "from_json", lambda _: BLENDER)
    monkeypatch.setattr(train_ranker.WeekFeatures, "read", lambda *_: None)
    monkeypatch.setattr(train_ranker, "_examples", lambda _, __, policy: policy[1])
    return train_ranker


@pytest.fixture
def train(module, reporter):
    def train(*weeks):
        """Train with the weeks after the first, which fits the blender."""
        blenders = SimpleNamespace(keep=BLENDER, drop=BLENDER)
        from pipelines.left_out_weeks import LeftOutWeek

        left_out = [LeftOutWeek(week, blenders) for week in weeks[1:]]
        examples = module.LeftOutExamples.build(None, left_out)
        return module.train_rankers(examples, weeks[-1].end, seed=1, reporter=reporter)

    return train


@pytest.fixture(scope="module")
def ranker():
    """Trained on weeks in which expensive items are bought."""
    return Ranker.fit(TrainingExamples.concat([examples(3), examples(2)]), seed=1)


@pytest.fixture
def carry_over(module, ranker, reporter):
    def carry_over(last, until):
        earlier = SimpleNamespace(
            version="20200201-default-0a1b2c3d", blender={"keep": None, "drop": None}, rankers={"keep": ranker},
            ranker_trained_until=lambda _: until,
        )  # fmt: skip
        return module.carry_over_rankers(None, last, earlier, seed=1, reporter=reporter)

    return carry_over


def test_a_ranker_that_is_better_in_the_last_week_is_trained_on_all_weeks(train, reporter):
    rankers = train(week(2), week(1), week(0))

    assert set(rankers.rankers) == {"keep", "drop"}
    assert rankers.until == {"keep": "2020-03-01T00:00:00+00:00", "drop": "2020-03-01T00:00:00+00:00"}
    assert rankers.keep.importances[0].name == "log_price"
    assert reporter.results == list(rankers.notes)


def test_the_validated_ranker_has_not_seen_the_last_week(train):
    rankers = train(week(2), week(1), week(0))
    pairs = week(0).keep.pairs

    other = train(week(2), week(1), week(0, by_score=0.5))

    assert np.array_equal(rankers.keep.validated.score(pairs), other.keep.validated.score(pairs))
    assert not np.array_equal(rankers.keep.ranker.score(pairs), other.keep.ranker.score(pairs))


def test_a_ranker_that_is_worse_in_the_last_week_leaves_retrieval_order(train):
    rankers = train(week(2), week(1), week(0, by_price=-1.0))

    assert (rankers.rankers, rankers.until) == ({}, {})
    assert (rankers.drop.validated, rankers.drop.choice.ranked) == (None, False)
    assert rankers.drop.choice.ndcg_at_12["difference"][2] < 0
    assert rankers.served_order == "Served: all items in retrieval order, new items in retrieval order."


def test_two_weeks_train_no_ranker(train, reporter):
    rankers = train(week(1), week(0))

    assert rankers.rankers == {}
    assert "2 of at least 3 weeks" in reporter.results[0]


def test_one_week_trains_no_ranker(train, reporter):
    assert train(week(0)).rankers == {}
    assert "1 of at least 3 weeks" in reporter.results[0]


def test_examples_without_known_features_leave_retrieval_order(train, monkeypatch):
    config = BoostingConfig(min_pairs_per_leaf=USERS * CANDIDATES + 1)
    monkeypatch.setattr(ranker_module, "BoostingConfig", lambda: config)

    rankers = train(week(2), week(1), week(0))

    assert rankers.rankers == {}
    assert " 0 features " in rankers.keep.choice.reason


def test_a_suspected_leak_disables_the_ranker_and_the_training_continues(train, reporter):
    rankers = train(week(2), week(1, leaking=True), week(0, leaking=True))

    assert (rankers.rankers, rankers.until) == ({}, {})
    assert REPEATED in rankers.keep.choice.reason
    assert rankers.keep.choice.reason in reporter.results[0]
    assert rankers.keep.choice.ndcg_at_12["difference"][1] > 0  # the measured gain stays on record
    assert rankers.keep.importances[0].name == REPEATED


def test_a_suspected_leak_disables_a_ranker_of_an_earlier_release(module, carry_over, monkeypatch, reporter):
    finding = Finding("log_price", "Feature 'log_price' is suspicious.")
    monkeypatch.setattr(module, "suspicious_features", lambda *_: [finding])

    rankers = carry_over(week(0), END - WEEK)

    assert (rankers.rankers, rankers.until) == ({}, {})
    assert finding.message in reporter.results[0]


def test_a_ranker_trained_on_days_of_the_last_week_is_carried_over_without_validation(carry_over, ranker):
    until = END - timedelta(days=1)

    rankers = carry_over(week(0, by_price=-1.0), until)

    assert rankers.rankers == {"keep": ranker}
    assert rankers.until == {"keep": until.isoformat()}
    assert rankers.keep.validated is None
    assert "2020-02-29" in rankers.keep.choice.reason
    assert "20200201-default-0a1b2c3d" in rankers.drop.choice.reason
    assert "not evaluated" in rankers.served_order


@pytest.mark.parametrize(("by_price", "stays"), [(1.0, True), (-1.0, False)])
def test_a_ranker_is_carried_over_if_it_is_not_worse_in_a_week_it_has_not_seen(carry_over, ranker, by_price, stays):
    until = END - WEEK

    rankers = carry_over(week(0, by_price=by_price), until)

    assert rankers.rankers == ({"keep": ranker} if stays else {})
    assert rankers.until == ({"keep": until.isoformat()} if stays else {})
    assert rankers.keep.validated is (ranker if stays else None)
    assert rankers.keep.choice.users > 100


def test_a_week_with_hardly_any_purchase_removes_no_ranker(carry_over, ranker):
    last = week(0)
    few = replace(last.keep, relevant=ItemLists.from_lists([np.array([0])] + [np.array([], np.int64)] * (USERS - 1)))
    last.keep = last.drop = few

    assert carry_over(last, END - WEEK).rankers == {"keep": ranker}
