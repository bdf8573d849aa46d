"""What the ranker knows of users and of items, made ready once, so that a pair of both costs a few look-ups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.ranking.pair_counts import PairCounts
from features.schema import ITEM_ID, LATELY_COUNTS, LATELY_ITEMS, MEAN_PRICE

KINDS: Final = ("product_type", "garment_group", "department")
SALES: Final = ("sales_1d", "sales_7d", "sales_28d", "sales_total")
_BOUGHT_ONLY_ONCE: Final = 10.0  # buyers to whom an item is as if sold, so that a few do not make a share


@dataclass(frozen=True, eq=False)
class ItemFeatures:
    """What is known of the items of one catalogue at one moment.

    Attributes:
        ids: str (items,), in the order of the item index.
        log_sales: float32 (items, 4), log(1 + units sold) in each of the windows `SALES`.
        repeat_share: float32 (items,), units sold in 28 days to those who had the item, for each who has it and ten
            more.
        log_price: float32 (items,), log of the mean price in the raw currency; NaN where it was never sold.
        words: int32 (items, 3), the item's word of each of `KINDS` as a code; -1 where the catalogue has none.
        word_shares: float32 (items, 3), the share of that word in all units sold in 28 days, above 0; NaN without word.
        vocabulary: the code of each word, for each kind; codes count through all kinds.
    """

    ids: NDArray[np.str_]
    log_sales: NDArray[np.float32]
    repeat_share: NDArray[np.float32]
    log_price: NDArray[np.float32]
    words: NDArray[np.int32]
    word_shares: NDArray[np.float32]
    vocabulary: tuple[Mapping[str, int], ...]

    @classmethod
    def of(cls, told: pa.Table) -> Self:
        """Make them of what `features.store.reader.FeatureReader` reads of items, one row for each item."""
        sales = _numbers(told, *SALES)
        first, buyers = _numbers(told, "first_purchases_28d", "buyers_total").T
        sold = sales[:, SALES.index("sales_28d")]
        vocabulary, words, shares, start = [], [], [], 0
        for kind in KINDS:
            encoded = told[f"{kind}_name"].combine_chunks().dictionary_encode()
            codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int32)
            named, number = codes >= 0, len(encoded.dictionary)
            # One unit more of each: what has not sold for four weeks has a share, too.
            units = np.bincount(codes[named], sold[named], minlength=number) + 1
            share = np.full(len(codes), np.nan, np.float32)
            share[named] = (units / units.sum())[codes[named]]
            shares.append(share)
            words.append(np.where(named, codes + start, -1).astype(np.int32))
            vocabulary.append(_codes(encoded.dictionary.to_pylist(), start))
            start += number
        return cls(
            ids=np.array(told[ITEM_ID], np.str_),
            log_sales=np.log1p(sales),
            repeat_share=(sold - first) / (buyers + np.float32(_BOUGHT_ONLY_ONCE)),
            log_price=_log_prices(told, MEAN_PRICE),
            words=np.column_stack(words),
            word_shares=np.column_stack(shares),
            vocabulary=tuple(vocabulary),
        )

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.log_price)

    @property
    def width(self) -> int:
        """How many words there are, of all kinds together."""
        return sum(len(words) for words in self.vocabulary)


@dataclass(frozen=True, eq=False)
class UserFeatures:
    """What is known of n users at one moment, in the words of one catalogue.

    What they bought lately is told by ids: candidates are few and looked up among them. To look each of them up in a
    catalogue takes longer than all else, because little of it is in the processor's cache.

    Attributes:
        purchases: float32 (n, 3), purchases in 7 days, in 28 days and ever; 0 where nothing is known.
        visits: float32 (n,), days with a purchase.
        log_price: float32 (n,), log of the mean price paid in the raw currency; NaN without purchases.
        tastes: his purchases of words, by their codes; one column.
        lately: his purchases of items, by their codes: in the 28 and in the 91 days up to his own last purchase. One
            code more is that of items which nobody bought lately.
        lately_codes: the code of each item that any of them bought lately, by its id.
    """

    purchases: NDArray[np.float32]
    visits: NDArray[np.float32]
    log_price: NDArray[np.float32]
    tastes: PairCounts
    lately: PairCounts
    lately_codes: Mapping[str, int]

    @classmethod
    def of(cls, told: pa.Table, items: ItemFeatures) -> Self:
        """Make them of what `features.store.reader.FeatureReader` reads of users, one row for each user.

        Words that no item of the catalogue has are left out: no candidate asks for them.

        Raises:
            ValueError: the lists of a user that belong together differ in length.
        """
        found = []
        for kind, vocabulary in zip(KINDS, items.vocabulary, strict=True):
            rows, words, counts = _listed(told, f"{kind}s", (f"{kind}_counts",))
            found.append((rows, _coded(words, vocabulary, -1), counts))
        rows, codes, counts = (np.concatenate(column) for column in zip(*found, strict=True))
        buyers, ids, times = _listed(told, LATELY_ITEMS, LATELY_COUNTS)
        lately_codes = _codes(ids)
        numbers = _numbers(told, "purchases_7d", "purchases_28d", "purchases_total", "active_days_total")
        return cls(
            purchases=numbers[:, :3],
            visits=numbers[:, 3],
            log_price=_log_prices(told, MEAN_PRICE),
            tastes=PairCounts.from_pairs(rows, codes, counts, told.num_rows, items.width),
            lately=PairCounts.from_pairs(
                buyers, _coded(ids, lately_codes, -1), times, told.num_rows, len(lately_codes) + 1
            ),
            lately_codes=lately_codes,
        )

    def __len__(self) -> int:
        """How many users there are, n."""
        return len(self.visits)

    def lately_of_pairs(self, rows: NDArray[np.integer[Any]], item_ids: NDArray[np.str_]) -> NDArray[np.float32]:
        """Return how often users bought items lately, in either window, float32 (pairs, 2).

        Args:
            rows: (pairs,), users, 0 to n - 1.
            item_ids: str (pairs,).
        """
        return self.lately.look_up(rows, _coded(item_ids.tolist(), self.lately_codes, len(self.lately_codes)))


def _listed(
    told: pa.Table, words: str, numbers: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.float32]]:
    """Lists of words with their numbers: rows, words, and the numbers."""
    lists = told[words].combine_chunks()
    lengths = np.diff(lists.offsets)
    columns = [told[name].combine_chunks() for name in numbers]
    for name, column in zip(numbers, columns, strict=True):
        if not np.array_equal(np.diff(column.offsets), lengths):
            raise ValueError(f"{words} and {name} must be equally long for each user.")
    texts = lists.flatten().to_numpy(zero_copy_only=False)
    counts = np.column_stack([column.flatten().to_numpy() for column in columns])
    return np.repeat(np.arange(len(lengths)), lengths), texts, counts


def _coded(texts: Sequence[str] | NDArray[np.object_], codes: Mapping[str, int], unknown: int) -> NDArray[np.int32]:
    """Look texts up; one user's are few, and a mapping answers them sooner than a search through arrays."""
    return np.fromiter((codes.get(text, unknown) for text in texts), np.int32, len(texts))


def _codes(texts: Iterable[str], start: int = 0) -> dict[str, int]:
    """Number texts in the order in which they first come."""
    return {text: code for code, text in enumerate(dict.fromkeys(texts), start)}


def _numbers(told: pa.Table, *names: str) -> NDArray[np.float32]:
    """Columns of counts, (rows, columns), 0 where nothing is known: before a first purchase there is no row."""
    numbers = np.column_stack([told[name].to_numpy() for name in names])
    return np.where(np.isnan(numbers), np.float32(0), numbers)


def _log_prices(told: pa.Table, name: str) -> NDArray[np.float32]:
    prices = told[name].to_numpy()
    return np.log(np.where(prices > 0, prices, np.float32(np.nan)))
