"""The best achievable recall in the last week, from the probabilities that generate the purchases.

For a sample of the customers who buy in the last week, the candidate list holds the articles with the largest true
probabilities to be the customer's first purchase of that week: with the customer's tastes, the seasons and trends of
that week, and the purchases before it. No model can know these, so its recall is an upper bound, up to sampling error.
Later purchases of a week depend on the first ones (copies and other colours), which no list from before the week knows;
they hardly change the order of the probabilities.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from evaluation.metrics import recall_at
from hm_data.catalogue import WEEKS
from hm_data.choices import Tables, probabilities
from hm_data.customers import Customers
from hm_data.market import DAYS_PER_WEEK, first_day_of
from hm_data.purchases import Purchases

CUTOFFS: Final = (12, 100)
_WEEK: Final = WEEKS - 1


@dataclass(frozen=True, eq=False)
class Recalls:
    """Recall of each sampled customer by name of the list and cutoff, (users,) each.

    Attributes:
        users: number of sampled customers.
        by_list: "best achievable", "bought before, then bestsellers", "bestsellers of the week before"; by cutoff.
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
    rng: np.random.Generator, customers: Customers, choice_tables: Tables, purchases: Purchases, *, sample: int
) -> Recalls:
    """Measure recall in the last week.

    Args:
        rng: draws the sample.
        customers: all customers.
        choice_tables: result of `choices.tables`.
        purchases: all purchases, ordered by customer and day.
        sample: customers of the sample, all buyers of the last week if they are fewer.
    """
    cut = first_day_of(_WEEK)
    is_last = purchases.day >= cut
    buyers = np.unique(purchases.customer[is_last])
    users = np.sort(rng.choice(buyers, min(sample, len(buyers)), replace=False))
    week_before = (purchases.day >= cut - DAYS_PER_WEEK) & ~is_last
    sales = np.bincount(purchases.article[week_before], minlength=len(choice_tables[6]))
    best = np.argsort(-sales, kind="stable")[: max(CUTOFFS)].astype(np.int32)
    ends = np.searchsorted(purchases.customer, np.append(users, users + 1)).reshape(2, -1)
    rows, relevant, lists, repeats = [], [], [], []
    for number, user in enumerate(users):
        own = purchases.article[ends[0, number] : ends[1, number]]
        before = int(np.searchsorted(purchases.day[ends[0, number] : ends[1, number]], cut))
        chances = probabilities(customers, choice_tables, int(user), own[:before], _WEEK)
        top = np.argpartition(-chances, max(CUTOFFS))[: max(CUTOFFS)]
        lists.append(top[np.argsort(-chances[top], kind="stable")].astype(np.int32))
        recent = own[:before][::-1]
        bought = recent[np.sort(np.unique(recent, return_index=True)[1])][: max(CUTOFFS)]
        repeats.append(np.concatenate([bought, best[~np.isin(best, bought)]])[: max(CUTOFFS)])
        relevant.append(own[before:])
        rows.append(np.full(len(own) - before, number))
    bought_items = ItemLists.from_pairs(np.concatenate(rows), np.concatenate(relevant), len(users))
    by_list = {
        "best achievable": np.array(lists),
        "bought before, then bestsellers": np.array(repeats),
        "bestsellers of the week before": np.tile(best, (len(users), 1)),
    }
    return Recalls(
        len(users),
        {name: {k: recall_at(items, bought_items, k) for k in CUTOFFS} for name, items in by_list.items()},
    )
