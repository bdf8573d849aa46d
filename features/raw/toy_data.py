"""The checkerboard data: a small synthetic shop with a known optimum, in the layout of the raw files.

Users and items belong to one of four groups. Users buy only items of their own group, several per week. In the last
week they buy items that they have not bought before; some items of their group they never buy. So, for the last week
of the default data with 200 users and 60 items,

- the **oracle**, which lists the items of the user's group that they have not bought yet, has recall@6 = 1: these are 5
  or 6 items, 3 of which are bought;
- **purchase history** has recall@k = 0 for every k;
- **popularity**, like every list that is the same for all users, is at most at chance level, recall@6 = 6 / 60 = 0.10,
  or 6 / 50 = 0.12 once the user's own purchases are excluded. Its recall@6 is 0.06 to 0.09, because items that many
  users have already bought are new to fewer.

The noise twin shuffles the items among each day's purchases: users, items and days keep their numbers of purchases, and
there is nothing to learn. No model beats chance on it.

`availability` adds restrictions to four items, which the purchases ignore: the first item is withdrawn two weeks before
the end of the data, the second is sold in channel `store` only, the third to users aged 40 and older, and the fourth is
for sale from one week after the end of the data. All other items are unrestricted.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from features import schema
from features.files import atomic_write
from features.raw.raw_files import ARTICLES, AVAILABILITY, CUSTOMERS, TRANSACTIONS

GROUPS: Final = ("Hats", "Shirts", "Shoes", "Trousers")
FIRST_DAY: Final = datetime(2020, 1, 1, tzinfo=UTC)
PURCHASES_PER_WEEK: Final = 3

_DAYS_PER_WEEK: Final = 7
_MIN_USERS, _MIN_ITEMS, _MIN_DAYS = 8, 24, 21
_OPENS, _CLOSES = 8 * 3600, 22 * 3600  # seconds after midnight, UTC
_FIRST_ARTICLE: Final = 108_775_001
_SHARE_WITHOUT_AGE: Final = 0.1
_SHARE_OF_MEMBERS: Final = 0.9
_ITEM_COLUMNS: Final = tuple(
    schema.ITEM_COLUMNS[name]
    for name in ("prod_name", "product_type_name", "colour_group_name", "index_group_name", "garment_group_name")
)

_RESTRICTIONS: Final = (schema.FOR_SALE, schema.CHANNELS, schema.MINIMUM_AGE)


class _Purchase(NamedTuple):
    day: int
    second: int
    user: int
    item: int


def user_id(number: int) -> str:
    """Return the id of the user with this number, counted from 0: "0001", "0002", ..."""
    return f"{number + 1:04d}"


def item_id(number: int) -> str:
    """Return the id of the item with this number, counted from 0: "0108775001", "0108775002", ..."""
    return f"{_FIRST_ARTICLE + number:010d}"


def group_of_user(user: str) -> str:
    """Return a user's group, which follows from the id and is in no column."""
    return GROUPS[(int(user) - 1) % len(GROUPS)]


def group_of_item(item: str) -> str:
    """Return an item's group, which is also its `garment_group_name`."""
    return GROUPS[(int(item) - _FIRST_ARTICLE) % len(GROUPS)]


def write_toy_data(
    raw_dir: Path,
    *,
    seed: int,
    users: int = 200,
    items: int = 60,
    days: int = 60,
    noise: bool = False,
    availability: bool = False,
) -> None:
    """Write `customers.csv`, `articles.csv` and `transactions_train.csv` of the checkerboard data.

    The data starts on 2020-01-01; its last week is its last seven days. The last user buys nothing and the last item is
    never bought. About a tenth of the ages are missing. Equal arguments give equal bytes.

    Args:
        raw_dir: The folder to write to.
        seed: Seed of the random generator.
        users: Rows of `customers.csv`, at least 8.
        items: Rows of `articles.csv`, at least 24, ideally a multiple of 4.
        days: Number of days, at least 21.
        noise: Write the noise twin, with the same users, items and numbers of purchases.
        availability: Also write `availability.csv`, which does not change the other files.

    Raises:
        ValueError: Too few users, items or days for the known optimum.
    """
    if users < _MIN_USERS or items < _MIN_ITEMS or days < _MIN_DAYS:
        raise ValueError(
            f"the toy data needs {_MIN_USERS} users, {_MIN_ITEMS} items and {_MIN_DAYS} days or more, "
            f"not {users}, {items} and {days}"
        )
    rng = np.random.default_rng(seed)
    customers = _customers(rng, users)
    articles, prices = _articles(rng, items), rng.integers(10, 60, size=items) / 1000
    purchases = [purchase for user in range(users - 1) for purchase in _purchases(rng, user, items, days)]
    if noise:
        purchases = _shuffled_within_days(rng, purchases)
    transactions = (
        (
            (FIRST_DAY + timedelta(days=day, seconds=second)).strftime("%Y-%m-%d %H:%M:%S"),
            user_id(user),
            item_id(item),
            f"{prices[item]:.3f}",
            1 + second % 2,
        )
        for day, second, user, item in sorted(purchases)
    )
    _write(raw_dir, CUSTOMERS, (schema.CUSTOMER_ID, *schema.USER_COLUMNS.values()), customers)
    _write(raw_dir, ARTICLES, (schema.ARTICLE_ID, *_ITEM_COLUMNS), articles)
    _write(
        raw_dir,
        TRANSACTIONS,
        (schema.T_DAT, schema.CUSTOMER_ID, schema.ARTICLE_ID, schema.PRICE, schema.SALES_CHANNEL_ID),
        transactions,
    )
    if availability:
        _write(raw_dir, AVAILABILITY, (schema.ARTICLE_ID, schema.SINCE, *_RESTRICTIONS), _availability(days))


def _customers(rng: np.random.Generator, users: int) -> list[tuple[str, ...]]:
    # All columns are independent of the group.
    ages = rng.integers(18, 80, size=users).tolist()
    without_age = rng.random(users) < _SHARE_WITHOUT_AGE
    members = rng.random(users) < _SHARE_OF_MEMBERS
    codes = rng.integers(0, 20, size=users).tolist()
    return [
        (
            user_id(user),
            "" if without_age[user] else f"{ages[user]}.0",
            "",
            "ACTIVE" if members[user] else "PRE-CREATE",
            "NONE",
            f"{codes[user]:05d}",
            "",
            "1.0" if members[user] else "",
        )
        for user in range(users)
    ]


def _articles(rng: np.random.Generator, items: int) -> list[tuple[str, ...]]:
    colours = rng.choice(("Black", "Blue", "White"), size=items).tolist()
    rows: list[tuple[str, ...]] = []
    for item in range(items):
        article = item_id(item)
        group = group_of_item(article)
        rows.append((article, f"{group} {item + 1}", group, colours[item], "Toys", group))
    return rows


def _availability(days: int) -> list[tuple[str, ...]]:
    first, withdrawn, announced = (
        (FIRST_DAY + timedelta(days=day)).strftime("%Y-%m-%d")
        for day in (0, days - 2 * _DAYS_PER_WEEK, days + _DAYS_PER_WEEK)
    )
    return [
        (item_id(0), withdrawn, "0", "", ""),
        (item_id(1), first, "1", "store", ""),
        (item_id(2), first, "1", "", "40"),
        (item_id(3), first, "0", "", ""),
        (item_id(3), announced, "1", "", ""),
    ]


def _purchases(rng: np.random.Generator, user: int, items: int, days: int) -> list[_Purchase]:
    """Return one user's purchases: the same items repeatedly, and in the last week some others."""
    group = np.arange(user % len(GROUPS), items, len(GROUPS))
    new, never = len(group) // 5, max(1, len(group) // 7)
    own = rng.permutation(group[group < items - 1])
    last_week, repeated = own[:new], own[new + never :]
    earlier_days = days - _DAYS_PER_WEEK
    count = PURCHASES_PER_WEEK * earlier_days // _DAYS_PER_WEEK
    # In rounds, so that every item is bought once before any is bought again.
    rounds = np.concatenate([rng.permutation(repeated) for _ in range(count // len(repeated) + 1)])
    # One draw within each of equally long steps, so that every week has purchases.
    earlier = ((np.arange(count) + rng.random(count)) * earlier_days / count).astype(int)
    last = rng.integers(earlier_days, days, size=new)
    bought_on = np.concatenate([earlier, last]).tolist()
    bought = np.concatenate([rounds[:count], last_week]).tolist()
    seconds = rng.integers(_OPENS, _CLOSES, size=len(bought)).tolist()
    return [_Purchase(day, second, user, item) for day, second, item in zip(bought_on, seconds, bought, strict=True)]


def _shuffled_within_days(rng: np.random.Generator, purchases: Sequence[_Purchase]) -> list[_Purchase]:
    shuffled = []
    for day in sorted({purchase.day for purchase in purchases}):
        of_day = [purchase for purchase in purchases if purchase.day == day]
        order = rng.permutation(len(of_day)).tolist()
        shuffled += [purchase._replace(item=of_day[other].item) for purchase, other in zip(of_day, order, strict=True)]
    return shuffled


def _write(raw_dir: Path, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_write(raw_dir / f"{table}.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
