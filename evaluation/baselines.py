"""Baselines of candidate retrieval. They use purchases before the cut only.

Their settings were chosen by recall@100 in the weeks from 2017-11-07, -14, -21 and -28 of completejourney.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.item_knn import ItemKnn
from candidates.sources.own_purchases import fill_lists, top_by_frequency, top_by_recency
from candidates.sources.popularity import PopularityList
from candidates.topk import TopK
from evaluation.implicit_als import ImplicitAls, available
from evaluation.metrics import CandidateLists
from evaluation.user_knn import Baskets, UserKnn

HALF_LIFE: Final = 4.0

ALL_TIME_BESTSELLERS: Final = "all-time bestsellers"
LAST_WEEK_BESTSELLERS: Final = "last week's bestsellers"
DECAYED_POPULARITY: Final = "decayed popularity"
OWN_BY_FREQUENCY: Final = "own purchases by frequency"
OWN_BY_RECENCY: Final = "own purchases by recency"
ITEM_KNN: Final = "item-kNN"
ITEM_KNN_BY_SALES: Final = "item-kNN, sales-weighted"
USER_KNN: Final = "user-kNN"
TIFU_KNN: Final = "TIFU-kNN"
UP_CF: Final = "UP-CF"
IALS: Final = "iALS"

_Source: TypeAlias = Callable[[ItemLists | None], TopK]
"""Takes n lists of excluded items, or None, and returns the lists of n users."""


def baselines(
    purchases: PurchaseCodes,
    cut: np.datetime64,
    users: NDArray[np.int32],
    n_items: int,
    k: int,
    bought: ItemLists,
) -> Iterator[CandidateLists]:
    """Generate the lists of every baseline; each is fitted when the iterator reaches it.

    Lists of fewer than k items are filled with last week's bestsellers. iALS comes last, and only if the package
    `implicit` is installed.

    Args:
        purchases: Of all users; those at or after the cut are ignored.
        cut: The moment of the forecast, UTC.
        users: (n,) int32 user codes, unique, in the order of the lists.
        n_items: The number of items in the index.
        k: The length of the lists, at least 1.
        bought: n lists, the items that each user bought before the cut, which the lists of new items exclude.

    Yields:
        Lists of width min(k, n_items), padded only if a user has bought nearly the whole catalogue.

    Raises:
        ValueError: An argument does not have this form.
    """
    n, width = len(users), min(k, n_items)
    past = purchases.before(cut)
    bestsellers = PopularityList.from_counts(last_week_popularity(past, cut, n_items))
    fillers = [bestsellers.top(n, width, excluded)[0] for excluded in (None, bought)]

    def lists(name: str, source: _Source) -> CandidateLists:
        all_items, new_items = (
            fill_lists(source(excluded)[0], filler, width)
            for excluded, filler in zip((None, bought), fillers, strict=True)
        )
        return CandidateLists(name, all_items, new_items)

    decayed = decayed_popularity(past, cut, n_items, HALF_LIFE)
    yield lists(ALL_TIME_BESTSELLERS, _popular(decayed_popularity(past, cut, n_items, np.inf), n, width))
    yield CandidateLists(LAST_WEEK_BESTSELLERS, *fillers)
    yield lists(DECAYED_POPULARITY, _popular(decayed, n, width))

    histories = Histories.from_purchases(past, cut, users)
    yield lists(OWN_BY_FREQUENCY, lambda excluded: top_by_frequency(histories, width, excluded))
    yield lists(OWN_BY_RECENCY, lambda excluded: top_by_recency(histories, width, excluded))

    neighbours = ItemKnn.fit(past, cut, n_items)
    sales = np.sqrt(decayed).astype(np.float32)
    yield lists(ITEM_KNN, lambda excluded: neighbours.top(histories, width, None, excluded))
    yield lists(ITEM_KNN_BY_SALES, lambda excluded: neighbours.top(histories, width, sales, excluded))

    baskets = Baskets.of(past, cut, users, n_items)
    yield lists(USER_KNN, _similar(UserKnn.cosine(baskets), width))
    yield lists(TIFU_KNN, _similar(UserKnn.tifu(baskets), width))
    yield lists(UP_CF, _similar(UserKnn.up_cf(baskets), width))

    if available():
        factors = ImplicitAls.fit(past, cut, users, n_items)
        yield lists(IALS, lambda excluded: factors.top(width, excluded))


def decayed_popularity(
    purchases: PurchaseCodes, cut: np.datetime64, n_items: int, half_life: float
) -> NDArray[np.float64]:
    """Sum each item's purchases before the cut, each with the weight 0.5 ** (age / half-life).

    Args:
        purchases: All purchases; those at or after the cut are ignored.
        cut: The moment of the forecast, UTC.
        n_items: The number of items in the index.
        half_life: In days, above 0; with infinity every purchase counts 1.

    Returns:
        (n_items,) float64.

    Raises:
        ValueError: The half-life is not above 0, or an item's position is not below `n_items`.
    """
    if not half_life > 0:
        raise ValueError(f"The half-life must be above 0, not {half_life}.")
    past = purchases.before(cut)
    if past.item_positions.max(initial=-1) >= n_items:
        raise ValueError(f"Item positions must be below {n_items}, not {past.item_positions.max()}.")
    ages = (cut - past.purchased_at) / np.timedelta64(1, "D")
    return np.asarray(np.bincount(past.item_positions, 0.5 ** (ages / half_life), n_items), np.float64)


def last_week_popularity(
    purchases: PurchaseCodes, cut: np.datetime64, n_items: int, days: int = 7
) -> NDArray[np.int64]:
    """Count each item's purchases in the `days` days before the cut, [cut - days, cut).

    Args:
        purchases: All purchases; those outside the window are ignored.
        cut: The moment of the forecast, UTC.
        n_items: The number of items in the index.
        days: The length of the window in days, at least 1.

    Returns:
        (n_items,) int64.

    Raises:
        ValueError: `days` is less than 1, or an item's position is not below `n_items`.
    """
    if days < 1:
        raise ValueError(f"The window must be at least 1 day long, not {days}.")
    before = purchases.before(cut)
    window = before.where(before.purchased_at >= cut - np.timedelta64(days, "D"))
    if window.item_positions.max(initial=-1) >= n_items:
        raise ValueError(f"Item positions must be below {n_items}, not {window.item_positions.max()}.")
    return np.bincount(window.item_positions, minlength=n_items).astype(np.int64)


def bought_before_then_popular(
    purchases: PurchaseCodes, cut: np.datetime64, users: NDArray[np.int32], popularity: PopularityList, k: int
) -> NDArray[np.int32]:
    """List each user's own purchases before the cut, followed by popular items.

    Own items are ordered by number of purchases, then by the more recent last purchase, then by position. The list is
    filled with the popularity ranking, without repeating an item. There are no scores, because the counts of the two
    parts are not comparable.

    Args:
        purchases: All purchases; those at or after the cut are ignored.
        cut: The moment of the forecast, UTC.
        users: (n,) int32 user codes, unique, in the order of the lists; users without purchases are allowed.
        popularity: The ranking of purchases before the cut that fills the lists.
        k: The length of the lists, at least 1.

    Returns:
        (n, min(k, items)) int32 positions, best first, without padding.

    Raises:
        ValueError: A user is repeated, `k` is less than 1, or an item is not in the popularity ranking.
    """
    histories = Histories.from_purchases(purchases, cut, users)
    width = min(k, len(popularity))
    popular, _ = popularity.top(len(users), k, excluded=histories.bought)
    own, _ = top_by_frequency(histories, width)
    return fill_lists(own, popular, width)


def _popular(counts: NDArray[np.float64], n: int, width: int) -> _Source:
    ranking = PopularityList.from_counts(counts)
    return lambda excluded: ranking.top(n, width, excluded)


def _similar(users: UserKnn, width: int) -> _Source:
    return lambda excluded: users.top(width, excluded)
