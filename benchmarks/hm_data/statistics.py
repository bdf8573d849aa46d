"""Statistics of generated purchases beside those of the H&M data."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.report_table import ReportTable
from hm_data.catalogue import CENTS_PER_UNIT, WEEKS, Catalogue
from hm_data.customers import Customers
from hm_data.market import DAYS, first_day_of, week_of
from hm_data.purchases import Purchases
from hm_data.raw_tables import PRICE_UNIT

MONTH: Final = 28
# From published descriptions of the full data; with an asterisk, from a sample of 0.1 % of its customers; "" unknown.
HM: Final = {
    "purchases per customer, median": "9",
    "purchases per customer, 90 %": "61 *",
    "purchases per customer, 99 %": "195 *",
    "purchases per customer, maximum": "1,895",
    "purchases per customer and day, mean": "3.5",
    "days with purchases per customer, median": "3 *",
    "customers in the last week, share": "5.0 %",
    "purchases in the last week, share": "0.76 %",
    "several pieces of one article, share of purchases": "10.1 %",
    "article bought on an earlier day, share": "3.8 % *",
    "other colour bought on an earlier day, share": "3.5 % *",
    "articles sold per week, mean": "",
    "articles first sold in a week, mean": "400 to 1,000",
    "purchases per sold article, median": "",
    "purchases per article, maximum": "50,287",
    "new articles in the purchases of the last 28 days": "",
    "online purchases, share": "71 % *",
    "price, 10 %, median, 90 %": "0.0101, 0.0254, 0.0508 *",
    "price, minimum and maximum": "0.0000169, 0.592",
    "age, peaks below and above 38 years": "21, 50",
    "age unknown, share": "1.2 %",
}


def statistics_table(customers: Customers, catalogue: Catalogue, purchases: Purchases) -> ReportTable:
    """Return the table of the statistics."""
    measured = statistics(customers, catalogue, purchases)
    return ReportTable.of(
        ("statistic", "generated", "H&M"),
        [(name, measured[name], HM[name]) for name in HM],
        text_columns=("statistic",),
    )


def statistics(customers: Customers, catalogue: Catalogue, purchases: Purchases) -> dict[str, str]:
    """Return the values of the statistics `HM`, as text."""
    count = len(purchases)
    per_customer = customers.purchases[customers.purchases > 0]
    days = np.diff(purchases.customer.astype(np.int64) * DAYS + purchases.day, prepend=-1) != 0
    days_per_customer = np.bincount(purchases.customer[days], minlength=len(customers))[customers.purchases > 0]
    is_last = purchases.day >= first_day_of(WEEKS - 1)
    sold = np.zeros((WEEKS, len(catalogue)), np.bool_)
    sold[week_of(purchases.day), purchases.article] = True
    first_day = np.full(len(catalogue), DAYS, np.int16)
    np.minimum.at(first_day, purchases.article, purchases.day)
    new_by_week = np.bincount(week_of(first_day[first_day < DAYS]), minlength=WEEKS)
    recent = purchases.day >= DAYS - MONTH
    sales = np.bincount(purchases.article, minlength=len(catalogue))
    copies, repeats, colours = _repeat_shares(purchases, catalogue)
    low, median, high = (_price(value) for value in np.quantile(purchases.cents, (0.1, 0.5, 0.9)))
    ages = np.bincount(customers.age[np.isfinite(customers.age)].astype(np.int64), minlength=100)
    smooth = np.convolve(ages, np.ones(3), "same")
    return {
        "purchases per customer, median": f"{np.median(per_customer):.0f}",
        "purchases per customer, 90 %": f"{np.quantile(per_customer, 0.9):.0f}",
        "purchases per customer, 99 %": f"{np.quantile(per_customer, 0.99):.0f}",
        "purchases per customer, maximum": f"{per_customer.max():,}",
        "purchases per customer and day, mean": f"{count / days.sum():.1f}",
        "days with purchases per customer, median": f"{np.median(days_per_customer):.0f}",
        "customers in the last week, share": _percent(len(np.unique(purchases.customer[is_last])) / len(customers)),
        "purchases in the last week, share": f"{100 * is_last.mean():.2f} %",
        "several pieces of one article, share of purchases": _percent(copies),
        "article bought on an earlier day, share": _percent(repeats),
        "other colour bought on an earlier day, share": _percent(colours),
        "articles sold per week, mean": f"{sold.sum(axis=1).mean():,.0f}",
        "articles first sold in a week, mean": f"{new_by_week[WEEKS // 4 :].mean():,.0f}",
        "purchases per sold article, median": f"{np.median(sales[sales > 0]):,.0f}",
        "purchases per article, maximum": f"{sales.max():,}",
        "new articles in the purchases of the last 28 days": _percent(
            (first_day[purchases.article[recent]] >= DAYS - MONTH).mean()
        ),
        "online purchases, share": _percent((purchases.channel == 2).mean()),
        "price, 10 %, median, 90 %": f"{low}, {median}, {high}",
        "price, minimum and maximum": f"{_price(purchases.cents.min())}, {_price(purchases.cents.max())}",
        "age, peaks below and above 38 years": f"{smooth[:38].argmax()}, {38 + smooth[38:].argmax()}",
        "age unknown, share": _percent(np.isnan(customers.age).mean()),
    }


def _repeat_shares(purchases: Purchases, catalogue: Catalogue) -> tuple[float, float, float]:
    """Return the shares of copies, repeats and other colours.

    Copies are further pieces of an article on one day, as a share of all purchases. The others are shares of the
    distinct articles of a customer and day: articles bought on an earlier day, and first purchases of an article whose
    product was bought in another colour on an earlier day.
    """
    order = np.argsort(purchases.customer.astype(np.int64) << 20 | purchases.article, kind="stable")
    customer, article, day = purchases.customer[order], purchases.article[order], purchases.day[order]
    same_article = np.zeros(len(order), np.bool_)
    same_article[1:] = (customer[1:] == customer[:-1]) & (article[1:] == article[:-1])
    is_copy = same_article.copy()
    is_copy[1:] &= day[1:] == day[:-1]
    distinct = ~is_copy
    # The articles of a product are adjacent, so that the rows of customer and product are.
    first = distinct & ~same_article
    product = catalogue.product[article[first]]
    starts = np.flatnonzero((np.diff(customer[first], prepend=-1) != 0) | (np.diff(product, prepend=-1) != 0))
    earliest = np.minimum.reduceat(day[first], starts) if len(starts) else day[:0]
    lengths = np.diff(starts, append=int(first.sum()))
    later_colour = day[first] > np.repeat(earliest, lengths)
    total = distinct.sum()
    return float(is_copy.mean()), float((distinct & same_article).sum() / total), float(later_colour.sum() / total)


def _percent(share: float | np.floating) -> str:
    return f"{100 * share:.1f} %"


def _price(cents: NDArray[np.int32] | np.floating) -> str:
    return f"{cents / CENTS_PER_UNIT / PRICE_UNIT:.3g}"
