"""The best achievable recall in the last week, from the probabilities that generate the purchases.

For a sample of the customers who buy in the last week, the candidate list holds the articles with the largest true
probabilities to be the customer's first purchase of that week, given the customer's tastes, the seasons and trends of
that week, and the purchases before it. The probability to be among several purchases that are drawn independently has
the same order. No model can know all of this, so that the recall is an upper bound, up to sampling error. Later rows of
a week may be copies or other colours of the first ones, which no list from before the week knows; copies do not count,
and other colours hardly change the order.

Three lists that need no model stand beside it, all from the sales of the week before and the customer's purchases.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from evaluation.metrics import recall_at
from hm_data.catalogue import WEEKS, Catalogue
from hm_data.choices import Tables, probabilities
from hm_data.customers import Customers
from hm_data.market import DAYS_PER_WEEK, first_day_of
from hm_data.purchases import Purchases

CUTOFFS: Final = (12, 100)
BEST: Final = "best achievable"
DEPARTMENTS: Final = "bestsellers by the customer's departments"
REPEATS: Final = "bought before, then bestsellers"
BESTSELLERS: Final = "bestsellers of the week before"
LISTS: Final = (BEST, DEPARTMENTS, REPEATS, BESTSELLERS)
_WEEK: Final = WEEKS - 1
_PRIOR_PURCHASES: Final = 5


@dataclass(frozen=True, eq=False)
class Recalls:
    """Recall of each sampled customer by name of the list and cutoff, (users,) each.

    Attributes:
        users: number of sampled customers.
        by_list: by name of the list and cutoff.
    """

    users: int
    by_list: dict[str, dict[int, NDArray[np.float64]]]

    def mean(self, name: str, cutoff: int) -> float:
        """Return the mean recall."""
        return float(self.by_list[name][cutoff].mean())

    def error(self, name: str, cutoff: int) -> float:
        """Return the standard error of the mean over customers."""
        return float(self.by_list[name][cutoff].std(ddof=1) / np.sqrt(self.users))


def measure_recalls(
    rng: np.random.Generator,
    customers: Customers,
    catalogue: Catalogue,
    choice_tables: Tables,
    purchases: Purchases,
    *,
    sample: int,
) -> Recalls:
    """Measure recall in the last week.

    Args:
        rng: draws the sample.
        customers: all customers.
        catalogue: all articles.
        choice_tables: result of `choices.tables`.
        purchases: all purchases, ordered by customer and day.
        sample: customers of the sample, all buyers of the last week if they are fewer.
    """
    cut = first_day_of(_WEEK)
    buyers = np.unique(purchases.customer[purchases.day >= cut])
    users = np.sort(rng.choice(buyers, min(sample, len(buyers)), replace=False))
    week_before = (purchases.day >= cut - DAYS_PER_WEEK) & (purchases.day < cut)
    sales = np.bincount(purchases.article[week_before], minlength=len(catalogue))
    baselines = _Baselines(sales, catalogue.department)
    starts, ends = (np.searchsorted(purchases.customer, users, side) for side in ("left", "right"))
    rows, relevant = [], []
    lists: dict[str, list[NDArray[np.integer[Any]]]] = {name: [] for name in LISTS}
    for number, user in enumerate(users):
        own = purchases.article[starts[number] : ends[number]]
        before = int(np.searchsorted(purchases.day[starts[number] : ends[number]], cut))
        history, bought = own[:before], own[before:]
        lists[BEST].append(_top(probabilities(customers, choice_tables, int(user), history, _WEEK)))
        lists[DEPARTMENTS].append(baselines.by_department(history))
        lists[REPEATS].append(baselines.bought_before(history))
        lists[BESTSELLERS].append(baselines.bestsellers)
        relevant.append(bought)
        rows.append(np.full(len(bought), number))
    relevant_items = ItemLists.from_pairs(np.concatenate(rows), np.concatenate(relevant), len(users))
    return Recalls(
        len(users),
        {
            name: {k: recall_at(np.array(each, np.int32), relevant_items, k) for k in CUTOFFS}
            for name, each in lists.items()
        },
    )


class _Baselines:
    """Lists from the sales of the week before and a customer's history."""

    def __init__(self, sales: NDArray[np.int64], department: NDArray[np.int16]) -> None:
        self._department = department
        totals = np.bincount(department, sales)
        self._shares = totals / totals.sum()
        self._within = sales / np.maximum(1, totals)[department]
        self.bestsellers = _top(sales)

    def by_department(self, history: NDArray[np.int32]) -> NDArray[np.int64]:
        """Order by the customer's share of the department, smoothed, x the article's share of its sales."""
        counts = np.bincount(self._department[history], minlength=len(self._shares))
        shares = (counts + _PRIOR_PURCHASES * self._shares) / (len(history) + _PRIOR_PURCHASES)
        return _top(shares[self._department] * self._within)

    def bought_before(self, history: NDArray[np.int32]) -> NDArray[np.int64]:
        """List the articles of the history, the most recent first, then bestsellers."""
        recent = history[::-1]
        bought = recent[np.sort(np.unique(recent, return_index=True)[1])]
        return np.concatenate([bought, self.bestsellers[~np.isin(self.bestsellers, bought)]])[: max(CUTOFFS)]


def _top(scores: NDArray[Any]) -> NDArray[np.int64]:
    top = np.argpartition(-scores, max(CUTOFFS))[: max(CUTOFFS)]
    return top[np.argsort(-scores[top], kind="stable")]
