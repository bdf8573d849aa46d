"""Features of users and of items, prepared once, so that the features of a pair are a few look-ups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.list_columns import flatten_lists
from candidates.ranking.pair_counts import PairCounts
from candidates.sources.own_purchases import repurchase_rate
from candidates.text_codes import TextCodes
from features.schema import DAYS_SINCE_LAST_PURCHASE, LATELY_COUNTS, LATELY_ITEMS, MEAN_PRICE

CATEGORY_TYPES: Final = ("product_type", "garment_group", "department")
SALES_WINDOWS: Final = ("sales_1d", "sales_7d", "sales_28d", "sales_total")


@dataclass(frozen=True, eq=False)
class ItemFeatures:
    """Features of the items of one catalogue at one moment.

    Attributes:
        item_codes: of the item ids; codes are positions in the item index.
        log_sales: float32 (items, 4), log(1 + units sold) in each of the windows `SALES_WINDOWS`.
        repurchase_rate: float32 (items,), (units sold in 28 days - first purchases in 28 days) / (buyers + 10): units
            sold to users who had bought the item before, per user who has bought it.
        log_price: float32 (items,), log of the mean price in the currency of the raw data; NaN if never sold.
        categories: int32 (3, items), code of the item's category of each of `CATEGORY_TYPES`; -1 if it has none.
        category_shares: float32 (3, items), share of that category in all units sold in 28 days, above 0; NaN if the
            item has none.
        vocabularies: the codes of the categories of each of `CATEGORY_TYPES`.
    """

    item_codes: TextCodes
    log_sales: NDArray[np.float32]
    repurchase_rate: NDArray[np.float32]
    log_price: NDArray[np.float32]
    categories: NDArray[np.int32]
    category_shares: NDArray[np.float32]
    vocabularies: tuple[TextCodes, ...]

    @classmethod
    def from_table(cls, table: pa.Table, item_codes: TextCodes) -> Self:
        """Prepare the features that `FeatureReader` reads for the ranker, one row per item, in the order of codes."""
        sales = _numbers(table, *SALES_WINDOWS)
        first_purchases, buyers = _numbers(table, "first_purchases_28d", "buyers_total").T
        sales_28d = sales[:, SALES_WINDOWS.index("sales_28d")]
        vocabularies, categories, shares = [], [], []
        for category_type in CATEGORY_TYPES:
            encoded = table[f"{category_type}_name"].combine_chunks().dictionary_encode()
            codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int32)
            known, size = codes >= 0, len(encoded.dictionary)
            # One unit is added to each category, so that a category without a sale in 28 days has a share above 0.
            units = np.bincount(codes[known], sales_28d[known], minlength=size) + 1
            share = np.full(len(codes), np.nan, np.float32)
            share[known] = (units / units.sum())[codes[known]]
            shares.append(share)
            categories.append(codes)
            vocabularies.append(TextCodes.from_texts(encoded.dictionary))
        return cls(
            item_codes=item_codes,
            log_sales=np.log1p(sales),
            # No prior purchases: the rate is 0 for an item without repurchases.
            repurchase_rate=repurchase_rate(sales_28d, first_purchases, buyers, prior_purchases=0.0),
            log_price=_log_prices(table, MEAN_PRICE),
            categories=np.stack(categories),
            category_shares=np.stack(shares),
            vocabularies=tuple(vocabularies),
        )

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.log_price)


@dataclass(frozen=True, eq=False)
class UserFeatures:
    """Features of n users at one moment, with the category codes and the item positions of one catalogue.

    Attributes:
        purchases: float32 (n, 3), purchases in 7 days, in 28 days and in total; 0 without purchases.
        active_days: float32 (n,), days with a purchase.
        days_since_last_purchase: float32 (n,), from the user's last purchase to the request; NaN without purchases.
        log_price: float32 (n,), log of the mean price paid in the currency of the raw data; NaN without purchases.
        category_counts: the user's purchases of each category, by code, one column, for each of `CATEGORY_TYPES`.
        recent_item_counts: the user's purchases of items in the 28 and in the 91 days up to the user's last purchase,
            by the item's position, two columns.
    """

    purchases: NDArray[np.float32]
    active_days: NDArray[np.float32]
    days_since_last_purchase: NDArray[np.float32]
    log_price: NDArray[np.float32]
    category_counts: tuple[PairCounts, ...]
    recent_item_counts: PairCounts

    @classmethod
    def from_table(cls, table: pa.Table, items: ItemFeatures) -> Self:
        """Prepare the features that `FeatureReader` reads for the ranker, one row per user.

        Categories that no item of the catalogue has, and items outside it, are dropped: no candidate needs them.

        Raises:
            ValueError: aligned lists of a user differ in length.
        """
        numbers = _numbers(table, "purchases_7d", "purchases_28d", "purchases_total", "active_days_total")
        return cls(
            purchases=np.ascontiguousarray(numbers[:, :3]),
            active_days=np.ascontiguousarray(numbers[:, 3]),
            days_since_last_purchase=table[DAYS_SINCE_LAST_PURCHASE].to_numpy().astype(np.float32),
            log_price=_log_prices(table, MEAN_PRICE),
            category_counts=tuple(
                _pair_counts(table, f"{category_type}s", (f"{category_type}_counts",), vocabulary)
                for category_type, vocabulary in zip(CATEGORY_TYPES, items.vocabularies, strict=True)
            ),
            recent_item_counts=_pair_counts(table, LATELY_ITEMS, LATELY_COUNTS, items.item_codes),
        )

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.active_days)


def _pair_counts(table: pa.Table, texts: str, numbers: Sequence[str], vocabulary: TextCodes) -> PairCounts:
    """Read a column of lists of texts, by their codes, with the aligned columns of lists of numbers."""
    offsets, (flat_texts, *columns) = flatten_lists({name: table[name] for name in (texts, *numbers)})
    counts = np.column_stack([column.to_numpy() for column in columns])
    return PairCounts.from_lists(offsets, vocabulary.find(flat_texts), counts, len(vocabulary))


def _numbers(table: pa.Table, *names: str) -> NDArray[np.float32]:
    """Return columns of counts, (rows, columns), with 0 for null: before the first purchase there is no row."""
    numbers = np.column_stack([table[name].to_numpy() for name in names])
    return np.where(np.isnan(numbers), np.float32(0), numbers)


def _log_prices(table: pa.Table, name: str) -> NDArray[np.float32]:
    prices = table[name].to_numpy()
    return np.log(np.where(prices > 0, prices, np.float32(np.nan)))
