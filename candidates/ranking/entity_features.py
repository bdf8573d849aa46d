"""Features of users and of items, prepared once, so that the features of a pair are a few look-ups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.ranking.pair_counts import PairCounts
from candidates.sources.own_purchases import repurchase_rate
from features.schema import ITEM_ID, LATELY_COUNTS, LATELY_ITEMS, MEAN_PRICE

CATEGORY_TYPES: Final = ("product_type", "garment_group", "department")
SALES_WINDOWS: Final = ("sales_1d", "sales_7d", "sales_28d", "sales_total")


@dataclass(frozen=True, eq=False)
class ItemFeatures:
    """Features of the items of one catalogue at one moment.

    Attributes:
        ids: str (items,), in the order of the item index.
        log_sales: float32 (items, 4), log(1 + units sold) in each of the windows `SALES_WINDOWS`.
        repurchase_rate: float32 (items,), (units sold in 28 days - first purchases in 28 days) / (buyers + 10): units
            sold to users who had bought the item before, per user who has bought it.
        log_price: float32 (items,), log of the mean price in the currency of the raw data; NaN if never sold.
        categories: int32 (items, 3), code of the item's category of each of `CATEGORY_TYPES`; -1 if it has none.
        category_shares: float32 (items, 3), share of that category in all units sold in 28 days, above 0; NaN if the
            item has none.
        vocabularies: code by category, for each of `CATEGORY_TYPES`; codes count through all types.
    """

    ids: NDArray[np.str_]
    log_sales: NDArray[np.float32]
    repurchase_rate: NDArray[np.float32]
    log_price: NDArray[np.float32]
    categories: NDArray[np.int32]
    category_shares: NDArray[np.float32]
    vocabularies: tuple[Mapping[str, int], ...]

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """Prepare the features that `FeatureReader` reads for the ranker, one row per item."""
        sales = _numbers(table, *SALES_WINDOWS)
        first_purchases, buyers = _numbers(table, "first_purchases_28d", "buyers_total").T
        sales_28d = sales[:, SALES_WINDOWS.index("sales_28d")]
        vocabularies, categories, shares, start = [], [], [], 0
        for category_type in CATEGORY_TYPES:
            encoded = table[f"{category_type}_name"].combine_chunks().dictionary_encode()
            codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int32)
            known, size = codes >= 0, len(encoded.dictionary)
            # One unit is added to each category, so that a category without a sale in 28 days has a share above 0.
            units = np.bincount(codes[known], sales_28d[known], minlength=size) + 1
            share = np.full(len(codes), np.nan, np.float32)
            share[known] = (units / units.sum())[codes[known]]
            shares.append(share)
            categories.append(np.where(known, codes + start, -1).astype(np.int32))
            vocabularies.append(_enumerate(encoded.dictionary.to_pylist(), start))
            start += size
        return cls(
            ids=np.array(table[ITEM_ID], np.str_),
            log_sales=np.log1p(sales),
            # No prior purchases: the rate is 0 for an item without repurchases.
            repurchase_rate=repurchase_rate(sales_28d, first_purchases, buyers, prior_purchases=0.0),
            log_price=_log_prices(table, MEAN_PRICE),
            categories=np.column_stack(categories),
            category_shares=np.column_stack(shares),
            vocabularies=tuple(vocabularies),
        )

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.log_price)

    @property
    def category_count(self) -> int:
        """The number of categories of all types."""
        return sum(len(vocabulary) for vocabulary in self.vocabularies)


@dataclass(frozen=True, eq=False)
class UserFeatures:
    """Features of n users at one moment, with the category codes of one catalogue.

    Recent purchases are looked up by id: the candidates are few, and a search of each purchase in the catalogue would
    take longer than everything else, because little of the catalogue is in the processor's cache.

    Attributes:
        purchases: float32 (n, 3), purchases in 7 days, in 28 days and in total; 0 without purchases.
        active_days: float32 (n,), days with a purchase.
        log_price: float32 (n,), log of the mean price paid in the currency of the raw data; NaN without purchases.
        category_counts: the user's purchases of each category, by code; one column.
        recent_item_counts: the user's purchases of items in the 28 and in the 91 days up to the user's last purchase,
            by code. The last code stands for all items that none of the n users bought recently.
        recent_item_codes: code by id, of each item that any of the n users bought recently.
    """

    purchases: NDArray[np.float32]
    active_days: NDArray[np.float32]
    log_price: NDArray[np.float32]
    category_counts: PairCounts
    recent_item_counts: PairCounts
    recent_item_codes: Mapping[str, int]

    @classmethod
    def from_table(cls, table: pa.Table, items: ItemFeatures) -> Self:
        """Prepare the features that `FeatureReader` reads for the ranker, one row per user.

        Categories that no item of the catalogue has are dropped: no candidate needs them.

        Raises:
            ValueError: aligned lists of a user differ in length.
        """
        parts = []
        for category_type, vocabulary in zip(CATEGORY_TYPES, items.vocabularies, strict=True):
            rows, categories, counts = _flatten(table, f"{category_type}s", (f"{category_type}_counts",))
            parts.append((rows, _encode(categories, vocabulary, -1), counts))
        rows, codes, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
        item_rows, item_ids, item_counts = _flatten(table, LATELY_ITEMS, LATELY_COUNTS)
        item_codes = _enumerate(item_ids)
        numbers = _numbers(table, "purchases_7d", "purchases_28d", "purchases_total", "active_days_total")
        return cls(
            purchases=numbers[:, :3],
            active_days=numbers[:, 3],
            log_price=_log_prices(table, MEAN_PRICE),
            category_counts=PairCounts.from_pairs(rows, codes, counts, table.num_rows, items.category_count),
            recent_item_counts=PairCounts.from_pairs(
                item_rows, _encode(item_ids, item_codes, -1), item_counts, table.num_rows, len(item_codes) + 1
            ),
            recent_item_codes=item_codes,
        )

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.active_days)

    def count_recent_purchases(self, rows: NDArray[np.integer[Any]], item_ids: NDArray[np.str_]) -> NDArray[np.float32]:
        """Return the user's purchases of an item in the 28 and in the 91 days, float32 (pairs, 2).

        Args:
            rows: (pairs,), users, 0 to n - 1.
            item_ids: str (pairs,).
        """
        codes = _encode(item_ids.tolist(), self.recent_item_codes, len(self.recent_item_codes))
        return self.recent_item_counts.look_up(rows, codes)


def _flatten(
    table: pa.Table, texts: str, numbers: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.float32]]:
    """Flatten a column of lists of texts and the aligned columns of lists of numbers: rows, texts, numbers."""
    lists = table[texts].combine_chunks()
    lengths = np.diff(lists.offsets)
    columns = [table[name].combine_chunks() for name in numbers]
    for name, column in zip(numbers, columns, strict=True):
        if not np.array_equal(np.diff(column.offsets), lengths):
            raise ValueError(f"{texts} and {name} must be equally long for each user.")
    flat_texts = lists.flatten().to_numpy(zero_copy_only=False)
    flat_numbers = np.column_stack([column.flatten().to_numpy() for column in columns])
    return np.repeat(np.arange(len(lengths)), lengths), flat_texts, flat_numbers


def _encode(texts: Sequence[str] | NDArray[np.object_], codes: Mapping[str, int], unknown: int) -> NDArray[np.int32]:
    """Look texts up; for the few of one user a mapping is faster than a search in arrays."""
    return np.fromiter((codes.get(text, unknown) for text in texts), np.int32, len(texts))


def _enumerate(texts: Iterable[str], start: int = 0) -> dict[str, int]:
    """Number texts in the order of their first occurrence."""
    return {text: code for code, text in enumerate(dict.fromkeys(texts), start)}


def _numbers(table: pa.Table, *names: str) -> NDArray[np.float32]:
    """Return columns of counts, (rows, columns), with 0 for null: before the first purchase there is no row."""
    numbers = np.column_stack([table[name].to_numpy() for name in names])
    return np.where(np.isnan(numbers), np.float32(0), numbers)


def _log_prices(table: pa.Table, name: str) -> NDArray[np.float32]:
    prices = table[name].to_numpy()
    return np.log(np.where(prices > 0, prices, np.float32(np.nan)))
