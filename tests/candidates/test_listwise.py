"""Weights of the listwise fit."""

import numpy as np
import pytest
from scipy.special import logsumexp

from candidates.listwise import fit_listwise


def lists(users=400, candidates=15, seed=0, *, weights):
    """Random terms, and for each list one purchase drawn from the softmax of the weighted terms."""
    generator = np.random.default_rng(seed)
    terms = generator.standard_normal((users * candidates, len(weights))).astype(np.float32)
    scores = (terms @ np.float32(weights)).reshape(users, candidates)
    bought = (scores + generator.gumbel(size=scores.shape)).argmax(axis=1)
    shares = np.zeros((users, candidates))
    shares[np.arange(users), bought] = 1
    return terms, np.arange(users + 1, dtype=np.int64) * candidates, shares.ravel()


def test_weights_that_made_the_purchases_are_found():
    weights = [1.0, -0.5, 0.0]

    np.testing.assert_allclose(fit_listwise(*lists(users=4_000, weights=weights)), weights, atol=0.1)


def test_a_constant_of_each_list_changes_nothing():
    terms, offsets, shares = lists(weights=[1.0, 0.5])
    constants = np.random.default_rng(1).standard_normal(len(offsets) - 1).astype(np.float32)
    shifted = terms.copy()
    shifted[:, 1] += np.repeat(constants, 15)

    np.testing.assert_allclose(fit_listwise(shifted, offsets, shares), fit_listwise(terms, offsets, shares), atol=2e-3)


def test_the_loss_has_its_minimum_at_the_weights():
    terms, offsets, shares = lists(users=50, candidates=5, weights=[2.0, 0.0])
    shares *= np.repeat(np.random.default_rng(2).uniform(0.2, 1, 50), 5)

    def loss(weights):
        scores = (terms.astype(np.float64) @ weights).reshape(50, 5)
        entropy = shares.reshape(50, 5).sum(axis=1) * logsumexp(scores, axis=1) - (shares.reshape(50, 5) * scores).sum(
            axis=1
        )
        return entropy.mean() + 0.005 * weights @ weights

    found = fit_listwise(terms, offsets, shares).astype(np.float64)

    for step in np.vstack([np.eye(2), -np.eye(2)]) * 0.02:
        assert loss(found) < loss(found + step)


@pytest.mark.parametrize("lengths", [[1, 4, 3], [2, 2, 9]])
def test_lists_may_differ_in_length(lengths):
    generator, offsets = np.random.default_rng(3), np.concatenate([[0], np.cumsum(lengths)])
    terms = generator.standard_normal((offsets[-1], 2)).astype(np.float32)
    shares = np.zeros(offsets[-1])
    shares[offsets[:-1]] = 1

    alone = fit_listwise(terms[offsets[1] : offsets[2]], np.array([0, lengths[1]]), shares[offsets[1] : offsets[2]])
    together = fit_listwise(terms, offsets, shares)

    assert np.isfinite(together).all()
    assert not np.allclose(alone, together)
