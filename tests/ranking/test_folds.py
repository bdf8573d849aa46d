import numpy as np
import pytest

from ranking.examples import Examples
from ranking.folds import FOLDS, fitted_folds, held_out_scores
from ranking.ranker import Ranker


def test_every_list_is_held_out_once(price_folds):
    assert len(price_folds) == FOLDS
    assert [len(fold.lists) for fold in price_folds] == [60] * 5
    assert sorted(np.concatenate([fold.lists for fold in price_folds]).tolist()) == list(range(300))


def test_lists_of_one_user_are_held_out_together(by_price, quick):
    both = Examples.together([by_price.take(np.arange(100)), by_price.take(np.arange(50, 150))])

    folds = fitted_folds(both, 1, quick)

    users = [set(both.users[fold.lists].tolist()) for fold in folds]
    assert sum(map(len, users)) == len(set.union(*users)) == 150


def test_a_list_is_scored_by_the_ranker_that_has_not_seen_it(by_price, price_folds, quick):
    scores = held_out_scores(by_price, price_folds)

    fold = price_folds[3]
    others = np.setdiff1d(np.arange(300), fold.lists)
    ranker = Ranker.fitted(by_price.take(others), 3, quick)
    expected = ranker.score(by_price.take(fold.lists).pairs)
    assert np.array_equal(scores[np.isin(by_price.pairs.rows, fold.lists)], expected)


def test_fewer_users_than_parts_are_refused(by_price, quick):
    with pytest.raises(ValueError, match="5 parts need as many users, not 4"):
        fitted_folds(by_price.take(np.arange(4)), 1, quick)
