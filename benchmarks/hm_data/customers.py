"""The generated customers: the columns of the raw table, personas, tastes, and how much they buy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hm_data import labels
from hm_data.catalogue import DIMENSIONS

FAVOURITES: Final = 16  # departments that a customer prefers
RESELLER_PURCHASES: Final = 50_000

_SHARE_WITHOUT_AGE: Final = 0.0116
_SHARE_WITHOUT_PURCHASE: Final = 0.0071
_VARIANTS: Final = 8  # of each persona
# Sales by index (A B C D F G H I J S) of a persona, and the ages around which it is frequent, in years.
_PERSONAS: Final = (
    ((0.62, 0.13, 0.07, 0.10, 0.02, 0.00, 0.01, 0.01, 0.01, 0.03), 52, 0.33),
    ((0.38, 0.14, 0.06, 0.37, 0.01, 0.00, 0.00, 0.01, 0.00, 0.03), 22, 0.33),
    ((0.48, 0.12, 0.05, 0.16, 0.03, 0.05, 0.05, 0.02, 0.02, 0.02), 33, 0.20),
    ((0.06, 0.01, 0.01, 0.06, 0.78, 0.01, 0.01, 0.01, 0.00, 0.05), 30, 0.05),
    ((0.45, 0.10, 0.05, 0.12, 0.14, 0.02, 0.04, 0.04, 0.01, 0.03), 45, 0.06),
    ((0.35, 0.10, 0.03, 0.25, 0.03, 0.00, 0.00, 0.02, 0.00, 0.22), 27, 0.03),
)
# Purchases per customer at cumulative shares of the customers, after published descriptions of the H&M data.
_REMAINING: Final = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.01, 0.001, 5e-7)  # shares of the customers with more
_PURCHASES: Final = (1, 2, 3.2, 9.4, 27.3, 62, 194, 420, 1_900)


@dataclass(frozen=True, eq=False)
class Customers:
    """n customers, ordered by id.

    Attributes:
        id_bytes: (n, 32) uint8; the id is their hex digits.
        age: (n,) float64 years, NaN where it is unknown.
        purchases: (n,) int64, number of purchases.
        persona: (n,) int16.
        favourites: (n, FAVOURITES) int16, departments.
        favourite_weights: (n, FAVOURITES) float32, with sum 1.
        taste: (n, DIMENSIONS) float32.
        basket_end: (n,) float32, probability that a purchase is the first of a new basket.
        online: (n,) float32, probability that a basket is bought online.
        persona_sales: (personas, DEPARTMENTS) float64, with sum 1 in every row.
    """

    id_bytes: NDArray[np.uint8]
    age: NDArray[np.float64]
    purchases: NDArray[np.int64]
    persona: NDArray[np.int16]
    favourites: NDArray[np.int16]
    favourite_weights: NDArray[np.float32]
    taste: NDArray[np.float32]
    basket_end: NDArray[np.float32]
    online: NDArray[np.float32]
    persona_sales: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.age)


def department_sales(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the relative sales of each department within its index, (DEPARTMENTS,), with mean 1 in every index."""
    structure = labels.departments()
    sales = rng.lognormal(0, 0.8, labels.DEPARTMENTS)
    totals = np.bincount(structure.index, sales) / np.bincount(structure.index)
    return np.asarray(sales / totals[structure.index], np.float64)


def draw_customers(
    rng: np.random.Generator, customers: int, purchases: int, sales: NDArray[np.float64], *, reseller: bool
) -> Customers:
    """Draw customers.

    Args:
        rng: source of randomness.
        customers: number of customers.
        purchases: sum of their purchases, without those of the reseller.
        sales: result of `department_sales`.
        reseller: whether the last customer makes `RESELLER_PURCHASES` purchases.
    """
    age = _ages(rng, customers)
    persona_sales = _persona_sales(rng, sales)
    persona = _personas(rng, age)
    favourites = _favourites(rng, persona, persona_sales)
    weights = rng.exponential(size=(customers, FAVOURITES))
    taste = _tastes(rng, persona, age)
    basket_end = np.clip(rng.beta(1.5, 4.2, customers), 0.06, 1)
    counts = _purchase_counts(rng, customers, purchases)
    if reseller:
        counts[-1], basket_end[-1] = RESELLER_PURCHASES, 0.02
        taste[-1] = 0  # buys what is popular
    return Customers(
        id_bytes=_sorted_ids(rng, customers),
        age=np.where(rng.random(customers) < _SHARE_WITHOUT_AGE, np.nan, age),
        purchases=counts,
        persona=persona.astype(np.int16),
        favourites=favourites,
        favourite_weights=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        taste=taste.astype(np.float32),
        basket_end=basket_end.astype(np.float32),
        online=rng.beta(1.1, 0.47, customers).astype(np.float32),
        persona_sales=persona_sales,
    )


def _sorted_ids(rng: np.random.Generator, customers: int) -> NDArray[np.uint8]:
    identifiers = np.frombuffer(rng.bytes(32 * customers), np.uint8).reshape(customers, 32)
    first = np.ascontiguousarray(identifiers[:, :8]).view(">u8")[:, 0]
    return identifiers[np.argsort(first, kind="stable")]


def _ages(rng: np.random.Generator, customers: int) -> NDArray[np.float64]:
    """Draw ages with peaks near 22 and 50 years."""
    young = 16.5 + rng.gamma(2.6, 3.6, customers)
    old = rng.normal(50.5, 6.5, customers)
    other = rng.uniform(28, 72, customers)
    kind = rng.random(customers)
    ages = np.where(kind < 0.56, young, np.where(kind < 0.85, old, other))
    return np.asarray(np.clip(np.round(ages), 16, 99), np.float64)


def _purchase_counts(rng: np.random.Generator, customers: int, purchases: int) -> NDArray[np.int64]:
    """Draw numbers of purchases with a given sum, at least 1 for customers who buy anything."""
    buying = rng.random(customers) >= _SHARE_WITHOUT_PURCHASE
    buyers = int(buying.sum())
    remaining = rng.permutation((np.arange(buyers) + 0.5) / buyers)
    more = np.exp(np.interp(-np.log(remaining), -np.log(_REMAINING), np.log(_PURCHASES))) - 1
    more *= (purchases - buyers) / more.sum()
    ends = np.floor(np.cumsum(1 + more) + 1e-6).astype(np.int64)
    ends[-1] = purchases
    counts = np.zeros(customers, np.int64)
    counts[buying] = np.diff(ends, prepend=0)
    return counts


def _persona_sales(rng: np.random.Generator, sales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw the sales of each persona and variant by department."""
    index = labels.departments().index
    counts = np.bincount(index)
    rows = []
    for by_index, _, _ in _PERSONAS:
        base = np.array(by_index)[index] / counts[index] * sales
        rows += [base * rng.lognormal(0, 0.6, labels.DEPARTMENTS) for _ in range(_VARIANTS)]
    table = np.array(rows)
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float64)


def _personas(rng: np.random.Generator, age: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw persona and variant; the persona depends on the age."""
    weights = np.stack([share * (0.08 + np.exp(-(((age - peak) / 9) ** 2))) for _, peak, share in _PERSONAS], axis=1)
    persona = _draw_columns(rng, weights)
    return np.asarray(persona * _VARIANTS + rng.integers(0, _VARIANTS, len(age)), np.int64)


def _draw_columns(rng: np.random.Generator, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    ends = weights.cumsum(axis=1)
    return np.asarray((rng.random(len(ends))[:, None] * ends[:, -1:] > ends).sum(axis=1), np.int64)


def _favourites(
    rng: np.random.Generator, persona: NDArray[np.int64], persona_sales: NDArray[np.float64]
) -> NDArray[np.int16]:
    favourites = np.empty((len(persona), FAVOURITES), np.int16)
    for number, sales in enumerate(persona_sales):
        rows = np.flatnonzero(persona == number)
        ends = np.cumsum(sales)
        drawn = np.searchsorted(ends, rng.random((len(rows), FAVOURITES)) * ends[-1], side="right")
        favourites[rows] = np.minimum(drawn, labels.DEPARTMENTS - 1)
    return favourites


def _tastes(rng: np.random.Generator, persona: NDArray[np.int64], age: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw tastes: personas and ages have their own means, individuals differ more than these."""
    means = rng.normal(0, 0.17, (len(_PERSONAS) * _VARIANTS, DIMENSIONS))
    by_age = rng.normal(0, 0.15, DIMENSIONS)
    taste = means[persona] + ((age - 35) / 15)[:, None] * by_age + rng.normal(0, 0.32, (len(age), DIMENSIONS))
    taste[:, 0] += 0.01 * (age - 35) - 0.3
    return np.asarray(taste, np.float64)
