"""The last row of one user in each of the user tables, from the user's purchases alone.

For requests, which cannot wait for SQL: the queries of `features.tables.user_queries` take 60 ms for one user, and
these loops about 1 ms. A test compares them with the tables of a build, field by field, for random purchases.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import numpy as np

from features.schema import (
    CREATED_TIMESTAMP,
    EVENT_TIMESTAMP,
    MAX_BOUGHT_ITEMS,
    MAX_LATELY_ITEMS,
    MAX_RECENT_ITEMS,
    MAX_TASTES,
    MONTH,
    QUARTER,
    USER_ID,
    WEEK,
)  # fmt: skip

UserRows: TypeAlias = dict[str, dict[str, Any]]
"""A row for each table, by the table's name."""

CATEGORY_COLUMNS: Final = {
    "product_type": "product_type_name",
    "garment_group": "garment_group_name",
    "department": "department_name",
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000  # microseconds
_PRICE_UNITS: Final = 1_000_000_000  # prices are summed as decimals with nine digits
_LARGEST_COUNT: Final = 9_999  # in a window


def latest_user_rows(
    user_id: str,
    item_ids: Sequence[str],
    purchased_at: Sequence[int],
    prices: Sequence[float],
    categories: Mapping[str, Sequence[str | None]],
) -> UserRows:
    """Compute the rows as of the morning (00:00 UTC) after the user's last purchase.

    A build may have later rows, where a window of days ends.

    Args:
        user_id: of the user.
        item_ids: of all n purchases, at least one, in any order.
        purchased_at: microseconds since 1970, UTC, (n,).
        prices: (n,).
        categories: of the purchased items by item id, in the order of `CATEGORY_COLUMNS`; items that are missing have
            none.

    Returns:
        The rows; in `user_earlier_items` only of a user with enough purchases.
    """
    order = sorted(range(len(item_ids)), key=purchased_at.__getitem__)
    items, moments = [item_ids[row] for row in order], [purchased_at[row] for row in order]
    days = [moment // _DAY for moment in moments]
    starts = {window: bisect_left(days, days[-1] + 1 - window) for window in (WEEK, MONTH, QUARTER)}
    rows = {
        "user_activity_daily": _activity(moments, days, [prices[row] for row in order], starts),
        **_bought(items, moments, days),
        "user_lately_items_daily": _lately(items, moments, starts),
        "user_tastes_daily": _tastes(items, categories),
    }
    stamped = {name: _stamp(user_id, days[-1] + 1, row) for name, row in rows.items()}
    if len(items) >= MAX_BOUGHT_ITEMS:
        earlier = _earlier(items, days)
        if earlier is not None:
            day, bought = earlier
            stamped["user_earlier_items"] = _stamp(user_id, day, {"earlier_items": bought})
    return stamped


def _stamp(user_id: str, day: int, row: dict[str, Any]) -> dict[str, Any]:
    moment = _EPOCH + timedelta(days=day)
    return {USER_ID: user_id, **row, EVENT_TIMESTAMP: moment, CREATED_TIMESTAMP: moment}


def _activity(
    moments: Sequence[int], days: Sequence[int], prices: Sequence[float], starts: Mapping[int, int]
) -> dict[str, Any]:
    units = [round(price * _PRICE_UNITS) for price in prices]
    return {
        "purchases_7d": len(days) - starts[WEEK],
        "purchases_28d": len(days) - starts[MONTH],
        "purchases_total": len(days),
        "active_days_total": len(set(days)),
        "spend_28d": _float32(sum(units[starts[MONTH] :]) / _PRICE_UNITS),
        "mean_price": _float32(sum(units) / _PRICE_UNITS / len(units)),
        "first_purchase_at": _EPOCH + timedelta(microseconds=moments[0]),
        "last_purchase_at": _EPOCH + timedelta(microseconds=moments[-1]),
    }


def _bought(items: Sequence[str], moments: Sequence[int], days: Sequence[int]) -> UserRows:
    """The tables of bought and of recent items."""
    counts, last_days = Counter(items), dict(zip(items, days, strict=True))
    days_of: dict[str, set[int]] = {}
    for item, day in zip(items, days, strict=True):
        days_of.setdefault(item, set()).add(day)
    ordered = _newest_first(items, moments)[:MAX_BOUGHT_ITEMS]
    bought: dict[str, list[Any]] = {
        "items": ordered,
        "counts": [counts[item] for item in ordered],
        "days": [days[-1] - last_days[item] for item in ordered],
    }
    gaps = [_float32((last_days[item] - min(of := days_of[item])) / max(len(of) - 1, 1)) for item in ordered]
    recent = {f"recent_{name}": values[:MAX_RECENT_ITEMS] for name, values in bought.items()}
    return {
        "user_bought_items_daily": {
            **{f"bought_{name}": values for name, values in bought.items()},
            "bought_gaps": gaps,
        },
        "user_recent_items_daily": recent,
    }


def _newest_first(items: Sequence[str], moments: Sequence[int]) -> list[str]:
    """The items by their last purchase, ties by id."""
    last = dict(zip(items, moments, strict=True))
    return sorted(last, key=lambda item: (-last[item], item))


def _lately(items: Sequence[str], moments: Sequence[int], starts: Mapping[int, int]) -> dict[str, Any]:
    in_quarter, in_month = Counter(items[starts[QUARTER] :]), Counter(items[starts[MONTH] :])
    lately = _newest_first(items[starts[QUARTER] :], moments[starts[QUARTER] :])[:MAX_LATELY_ITEMS]
    return {
        "lately_items": lately,
        "lately_counts_28d": [min(in_month[item], _LARGEST_COUNT) for item in lately],
        "lately_counts_91d": [min(in_quarter[item], _LARGEST_COUNT) for item in lately],
    }


def _tastes(items: Sequence[str], categories: Mapping[str, Sequence[str | None]]) -> dict[str, Any]:
    counts: list[Counter[str]] = [Counter() for _ in CATEGORY_COLUMNS]
    for item, purchases in Counter(items).items():
        for count, category in zip(counts, categories.get(item, ()), strict=False):
            if category is not None:
                count[category] += purchases
    row: dict[str, Any] = {}
    for name, count in zip(CATEGORY_COLUMNS, counts, strict=True):
        frequent = sorted(count, key=lambda category: (-count[category], category))[:MAX_TASTES]
        row[f"{name}s"] = frequent
        row[f"{name}_counts"] = [count[category] for category in frequent]
    return row


def _earlier(items: Sequence[str], days: Sequence[int]) -> tuple[int, list[str]] | None:
    """The day on which a row of earlier items begins, and these items; None without one."""
    total, begins = 0, None
    first: dict[str, int] = {}
    for item, day in zip(items, days, strict=True):
        first.setdefault(item, day)
    for day, number in sorted(Counter(day for _, day in set(zip(items, days, strict=True))).items()):
        total += number
        if total // MAX_BOUGHT_ITEMS > (total - number) // MAX_BOUGHT_ITEMS:
            begins = day
    return None if begins is None else (begins + 1, sorted(item for item, day in first.items() if day <= begins))


def _float32(number: float) -> float:
    return float(np.float32(number))
