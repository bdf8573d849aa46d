"""The choice of one article for each purchase, and its probabilities.

A row of a basket is

- a copy of an earlier row of the basket (more than one piece), with probability `COPY`;
- another colour of an earlier row of the basket, with probability `BASKET_COLOUR`;
- otherwise an article that the customer bought before the basket, with probability `REPEAT`, or another colour of one,
  with probability `HISTORY_COLOUR`; recent rows are more likely, and the article must still be for sale;
- otherwise a free choice: a department (one of the customer's favourites with probability `FAVOURITE`, or any
  department of the persona, both by season and trend), and in it an article i of the week with probability proportional
  to popularity(i, week) * affinity(taste . vector(i)).

What is impossible (no earlier row, no other colour for sale) becomes the next case.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from hm_data.catalogue import Catalogue
from hm_data.customers import Customers
from hm_data.market import Market

COPY: Final = 0.12
BASKET_COLOUR: Final = 0.035
REPEAT: Final = 0.045
HISTORY_COLOUR: Final = 0.02
FAVOURITE: Final = 0.4
RECENCY: Final = 0.85  # the probability that a row of the history is chosen falls by this factor from row to row

Tables: TypeAlias = tuple[NDArray[Any], ...]
_SCALE: Final = np.float32(1 / 64)
_SQUARES: Final = 6
_SMALLEST: Final = np.float32(1e-3)


def tables(catalogue: Catalogue, market: Market) -> Tables:
    """Return the tables that `choose_articles` and `probabilities` read."""
    return (
        market.offsets, market.articles, market.popularity, market.vectors, market.department_factor, market.base_ends,
        catalogue.product, catalogue.product_start, catalogue.first_week, catalogue.last_week,
    )  # fmt: skip


@compiled
def _affinities(
    taste: NDArray[Any],
    vectors: NDArray[Any],
    popularity: NDArray[Any],
    low: int,
    high: int,
    weights: NDArray[Any],
) -> float:
    """Fill `weights` with popularity x affinity of slots `low` to `high` - 1; return their sum.

    affinity(x) = (1 + x / 64) ** 64 is close to exp(x), and fast.
    """
    count = high - low
    for position in range(count):
        weights[position] = np.float32(1)
    for dimension in range(vectors.shape[0]):
        factor = taste[dimension] * _SCALE
        for position in range(count):
            weights[position] += factor * vectors[dimension, low + position]
    for position in range(count):
        power = max(weights[position], _SMALLEST)
        for _ in range(_SQUARES):
            power = power * power
        weights[position] = power * popularity[low + position]
    total = 0.0
    for position in range(count):
        total += weights[position]
    return total


@compiled
def _other_colour(
    article: int,
    uniform: float,
    week: int,
    product: NDArray[Any],
    product_start: NDArray[Any],
    first_week: NDArray[Any],
    last_week: NDArray[Any],
) -> int:
    """Return another article of the same product that is for sale, each with the same probability, or -1."""
    start, end = product_start[product[article]], product_start[product[article] + 1]
    count = 0
    for other in range(start, end):
        if other != article and first_week[other] <= week <= last_week[other]:
            count += 1
    number = int(uniform * count)
    for other in range(start, end):
        if other != article and first_week[other] <= week <= last_week[other]:
            if number == 0:
                return other
            number -= 1
    return -1


@compiled
def _department(
    kind: float,
    uniform: float,
    base_ends: NDArray[Any],
    favourites: NDArray[Any],
    favourite_weights: NDArray[Any],
    factors: NDArray[Any],
) -> int:
    """Return the department of a free choice."""
    total = 0.0
    for number in range(len(favourites)):
        total += favourite_weights[number] * factors[favourites[number]]
    if kind < FAVOURITE and total > 0:
        target, chosen = uniform * total, -1
        for number in range(len(favourites)):
            weight = favourite_weights[number] * factors[favourites[number]]
            if weight > 0:
                chosen = favourites[number]
                if target < weight:
                    break
                target -= weight
        return chosen
    drawn = np.searchsorted(base_ends, np.float32(uniform), side="right")
    last = np.searchsorted(base_ends, base_ends[-1])
    return int(min(drawn, last))  # the last department with sales, if rounding leads beyond it


@compiled
def choose_articles(  # noqa: C901 - one loop, compiled as a whole
    starts: NDArray[Any],
    basket_of_row: NDArray[Any],
    weeks: NDArray[Any],
    uniforms: NDArray[Any],
    personas: NDArray[Any],
    favourites: NDArray[Any],
    favourite_weights: NDArray[Any],
    tastes: NDArray[Any],
    chosen: NDArray[Any],
    offsets: NDArray[Any],
    articles: NDArray[Any],
    popularity: NDArray[Any],
    vectors: NDArray[Any],
    department_factor: NDArray[Any],
    base_ends: NDArray[Any],
    product: NDArray[Any],
    product_start: NDArray[Any],
    first_week: NDArray[Any],
    last_week: NDArray[Any],
) -> None:
    """Fill `chosen` (rows,) with articles.

    Args:
        starts: (customers + 1,) first row of each customer.
        basket_of_row: (rows,) first row of each row's basket.
        weeks: (rows,).
        uniforms: (rows, 9) uniform random numbers.
        personas: (customers,), as the next three of `Customers`.
        favourites: (customers, FAVOURITES).
        favourite_weights: (customers, FAVOURITES).
        tastes: (customers, DIMENSIONS).
        chosen: (rows,) int32, the result.
        offsets: as all further arguments, of `tables`.
        articles: of `tables`.
        popularity: of `tables`.
        vectors: of `tables`.
        department_factor: of `tables`.
        base_ends: of `tables`.
        product: of `tables`.
        product_start: of `tables`.
        first_week: of `tables`.
        last_week: of `tables`.
    """
    departments = department_factor.shape[1]
    weights = np.empty(max(1, np.diff(offsets).max()), np.float32)
    for user in range(len(starts) - 1):
        for row in range(starts[user], starts[user + 1]):
            week, basket, uniform = weeks[row], basket_of_row[row], uniforms[row]
            article = -1
            if row > basket and uniform[0] < COPY + BASKET_COLOUR:
                earlier = chosen[basket + int(uniform[1] * (row - basket))]
                if uniform[0] < COPY:
                    article = earlier
                else:
                    article = _other_colour(earlier, uniform[2], week, product, product_start, first_week, last_week)
            if article < 0 and uniform[3] < REPEAT + HISTORY_COLOUR:
                back = basket - 1 - int(np.log(1.0 - uniform[4]) / np.log(RECENCY))
                if back >= starts[user]:
                    earlier = chosen[back]
                    if uniform[3] >= REPEAT:
                        article = _other_colour(
                            earlier, uniform[5], week, product, product_start, first_week, last_week
                        )
                    elif first_week[earlier] <= week <= last_week[earlier]:
                        article = earlier
            if article < 0:
                department = _department(
                    uniform[6], uniform[7], base_ends[week, personas[user]], favourites[user], favourite_weights[user],
                    department_factor[week],
                )  # fmt: skip
                low = offsets[week * departments + department]
                high = offsets[week * departments + department + 1]
                target = uniform[8] * _affinities(tastes[user], vectors, popularity, low, high, weights)
                position = 0
                while position < high - low - 1 and target >= weights[position]:
                    target -= weights[position]
                    position += 1
                article = articles[low + position]
            chosen[row] = article


def probabilities(
    customers: Customers,
    choice_tables: Tables,
    user: int,
    history: NDArray[np.int32],
    week: int,
) -> NDArray[np.float64]:
    """Return the probability of each article to be a customer's first purchase in a week, (articles,), with sum 1.

    Args:
        customers: all customers.
        choice_tables: result of `tables`.
        user: the customer.
        history: (m,) articles bought before the week, in their order.
        week: the week.
    """
    result = np.zeros(len(choice_tables[6]))
    _add_probabilities(
        customers.persona[user], customers.favourites[user], customers.favourite_weights[user], customers.taste[user],
        history, week, result, *choice_tables,
    )  # fmt: skip
    return result


@compiled
def _add_probabilities(  # noqa: C901, PLR0912 - one loop, compiled as a whole
    persona: int,
    favourites: NDArray[Any],
    favourite_weights: NDArray[Any],
    taste: NDArray[Any],
    history: NDArray[Any],
    week: int,
    result: NDArray[Any],
    offsets: NDArray[Any],
    articles: NDArray[Any],
    popularity: NDArray[Any],
    vectors: NDArray[Any],
    department_factor: NDArray[Any],
    base_ends: NDArray[Any],
    product: NDArray[Any],
    product_start: NDArray[Any],
    first_week: NDArray[Any],
    last_week: NDArray[Any],
) -> None:
    free, chance = 1.0, 1 - RECENCY
    for back in range(len(history) - 1, -1, -1):
        earlier = history[back]
        if first_week[earlier] <= week <= last_week[earlier]:
            result[earlier] += REPEAT * chance
            free -= REPEAT * chance
        start, end, others = product_start[product[earlier]], product_start[product[earlier] + 1], 0
        for other in range(start, end):
            if other != earlier and first_week[other] <= week <= last_week[other]:
                others += 1
        for other in range(start, end):
            if other != earlier and first_week[other] <= week <= last_week[other]:
                result[other] += HISTORY_COLOUR * chance / others
        if others:
            free -= HISTORY_COLOUR * chance
        chance *= RECENCY
    departments = department_factor.shape[1]
    shares, total = np.zeros(departments), 0.0
    for number in range(len(favourites)):
        total += favourite_weights[number] * department_factor[week, favourites[number]]
    base = 1 - FAVOURITE if total > 0 else 1.0
    if total > 0:
        for number in range(len(favourites)):
            department = favourites[number]
            shares[department] += FAVOURITE * favourite_weights[number] * department_factor[week, department] / total
    previous = 0.0
    for department in range(departments):
        shares[department] += base * (base_ends[week, persona, department] - previous)
        previous = base_ends[week, persona, department]
    weights = np.empty(max(1, np.diff(offsets).max()), np.float32)
    for department in range(departments):
        low, high = offsets[week * departments + department], offsets[week * departments + department + 1]
        if high > low:
            scale = free * shares[department] / _affinities(taste, vectors, popularity, low, high, weights)
            for position in range(high - low):
                result[articles[low + position]] += scale * weights[position]
