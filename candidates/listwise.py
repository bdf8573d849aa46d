"""Listwise fit of linear weights: the purchases of a list compete with its other candidates only."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

_PENALTY: Final = 0.01  # of half the squared weights, beside the mean loss of a list
_MAX_ITERATIONS: Final = 300


def fit_listwise(
    terms: NDArray[np.float32], offsets: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return weights that minimize the mean cross entropy between purchases and the softmax over each list.

    This is the loss of ListNet for one relevant item at a time (Cao et al., Learning to Rank: From Pairwise Approach to
    Listwise Approach, 2007). In contrast to a logistic regression of all candidates, it does not learn how often users
    or weeks buy, which differs between weeks.

    Args:
        terms: (pairs, terms), standardized; those of list i are at `offsets[i]` to `offsets[i + 1] - 1`.
        offsets: (n + 1,), of lists that are not empty.
        shares: (pairs,), at least 0, how much each candidate's purchase counts; 0 for one that was not bought.

    Returns:
        float32 (terms,).
    """
    starts, lengths = offsets[:-1], offsets[1:] - offsets[:-1]
    totals, transposed = np.add.reduceat(shares, starts), np.ascontiguousarray(terms.T)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = (terms @ weights.astype(np.float32)).astype(np.float64)
        highest = np.maximum.reduceat(scores, starts)
        exponentials = np.exp(scores - np.repeat(highest, lengths))
        sums = np.add.reduceat(exponentials, starts)
        value = float(totals @ (np.log(sums) + highest) - shares @ scores)
        differences = exponentials * np.repeat(totals / sums, lengths) - shares
        gradient = (transposed @ differences.astype(np.float32)).astype(np.float64)
        mean = 1 / len(starts)
        return value * mean + _PENALTY / 2 * float(weights @ weights), gradient * mean + _PENALTY * weights

    with threadpool_limits(1, "blas"):  # the products are too small for threads, which would wait for each other
        found = minimize(
            loss, np.zeros(terms.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}
        )
    return np.asarray(found.x, np.float32)
