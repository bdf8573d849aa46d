"""The generated purchases: baskets by day, then one article for each row, for blocks of customers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.progress import Advance
from hm_data.catalogue import WEEKS, Catalogue
from hm_data.choices import choose_articles, tables
from hm_data.customers import Customers
from hm_data.market import Market, week_of

BLOCK: Final = 4_096  # customers; the random numbers of a block are those of its own generator
_UNIFORMS: Final = 9
_OFFERS: Final = (90, 85, 80, 75)  # to members, percent of the price
_SHARE_OF_OFFERS: Final = 0.12


@dataclass(frozen=True, eq=False)
class Purchases:
    """m purchases, ordered by customer, day and basket.

    Attributes:
        customer: (m,) int32.
        article: (m,) int32.
        day: (m,) int16, from 0.
        cents: (m,) int32, price paid.
        channel: (m,) int8, 1 for stores, 2 for online.
    """

    customer: NDArray[np.int32]
    article: NDArray[np.int32]
    day: NDArray[np.int16]
    cents: NDArray[np.int32]
    channel: NDArray[np.int8]

    def __len__(self) -> int:
        """Return the number of purchases."""
        return len(self.customer)


def draw_purchases(
    seed: tuple[int, ...], customers: Customers, catalogue: Catalogue, market: Market, *, threads: int, advance: Advance
) -> Purchases:
    """Draw all purchases; the result does not depend on the number of threads.

    Args:
        seed: of the generators of the blocks, to which the number of the block is added.
        customers: all customers.
        catalogue: all articles.
        market: what is for sale.
        threads: number of threads.
        advance: called with the number of purchases of each block.
    """
    ends = np.concatenate([[0], np.cumsum(customers.purchases)])
    total = int(ends[-1])
    result = Purchases(
        np.repeat(np.arange(len(customers), dtype=np.int32), customers.purchases),
        np.empty(total, np.int32),
        np.empty(total, np.int16),
        np.empty(total, np.int32),
        np.empty(total, np.int8),
    )
    choice_tables = tables(catalogue, market)
    percents = np.stack([catalogue.percent(week) for week in range(WEEKS)])

    def fill(block: int) -> int:
        first, last = block * BLOCK, min((block + 1) * BLOCK, len(customers))
        rows = slice(int(ends[first]), int(ends[last]))
        generator = np.random.default_rng([*seed, block])
        offers = _fill_block(generator, customers, market, choice_tables, result, first, last, rows)
        markdowns = percents[week_of(result.day[rows]), result.article[rows]]
        prices = catalogue.cents[result.article[rows]] * (markdowns / 100) * (offers / 100)
        result.cents[rows] = np.maximum(1, np.round(prices))
        return rows.stop - rows.start

    with ThreadPoolExecutor(threads) as pool:
        for count in pool.map(fill, range(-(-len(customers) // BLOCK))):
            advance(count)
    return result


def _fill_block(
    rng: np.random.Generator,
    customers: Customers,
    market: Market,
    choice_tables: tuple[Any, ...],
    result: Purchases,
    first: int,
    last: int,
    rows: slice,
) -> NDArray[np.int32]:
    """Draw all but the prices of customers `first` to `last` - 1; return what offers leave, percent (rows,)."""
    users, count = slice(first, last), rows.stop - rows.start
    owner = result.customer[rows] - first
    starts = np.concatenate([[0], np.cumsum(customers.purchases[users])])
    basket_of_row, day, channel, percent = _baskets(rng, customers, market, first, owner, starts)
    result.day[rows] = day
    result.channel[rows] = channel
    uniforms = rng.random((count, _UNIFORMS))
    choose_articles(
        starts, basket_of_row, week_of(day), uniforms, customers.persona[users], customers.favourites[users],
        customers.favourite_weights[users], customers.taste[users], result.article[rows], *choice_tables,
    )  # fmt: skip
    return percent


def _baskets(
    rng: np.random.Generator,
    customers: Customers,
    market: Market,
    first: int,
    owner: NDArray[np.int32],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.int8], NDArray[np.int32]]:
    """Return the first row of each row's basket, and its day, channel and percentage of the price, all (rows,)."""
    count, users = len(owner), len(starts) - 1
    opens = rng.random(count) < customers.basket_end[first + owner]
    opens[starts[:-1][starts[:-1] < starts[1:]]] = True
    basket = np.cumsum(opens) - 1
    first_row = np.flatnonzero(opens)
    basket_owner = owner[first_row]
    # Each customer buys in a part of the two years, which may wrap around the end, so that total sales follow the
    # calendar whatever the parts are.
    middle, width = rng.random(users), rng.uniform(0.35, 1.0, users)
    position = (middle[basket_owner] + width[basket_owner] * (rng.random(len(first_row)) - 0.5)) % 1.0
    day = np.minimum(np.searchsorted(market.day_ends, position, side="right"), len(market.day_ends) - 1)
    ordered = np.sort(basket_owner.astype(np.int64) * len(market.day_ends) + day)
    day = (ordered % len(market.day_ends)).astype(np.int16)
    is_online = rng.random(len(first_row)) < customers.online[first + basket_owner]
    offer = rng.choice(np.array(_OFFERS), len(first_row))
    percent = np.where(rng.random(len(first_row)) < _SHARE_OF_OFFERS, offer, 100)
    # Baskets of one day are one basket.
    key = basket_owner.astype(np.int64) * len(market.day_ends) + day
    same = np.maximum.accumulate(np.where(np.diff(key, prepend=-1) != 0, np.arange(len(key)), 0))
    chosen = same[basket]
    return first_row[chosen], day[basket], (1 + is_online[basket]).astype(np.int8), percent[basket].astype(np.int32)
