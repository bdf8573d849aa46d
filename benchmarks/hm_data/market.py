"""What sells in each week: the calendar, seasons, trends, and the articles for sale in each department."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hm_data import labels
from hm_data.catalogue import DIMENSIONS, WEEKS, Catalogue

DAYS: Final = 734  # 2018-09-20 to 2020-09-22
FIRST_DAY: Final = np.datetime64("2018-09-20")
DAYS_PER_WEEK: Final = 7

_DAYS_PER_YEAR: Final = 365.25
_MIDDLE_OF_SUMMER: Final = 196  # day of the year
# Purchases by weekday, from Monday on.
_WEEKDAYS: Final = (0.95, 0.97, 1.05, 1.08, 1.02, 1.03, 0.90)
# Sales: day of the year, length in days, factor.
_SALES: Final = ((178, 10, 1.7), (329, 4, 1.6), (361, 6, 1.25), (266, 5, 1.3))


def week_of(day: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the week of each day, both counted from 0; weeks end on the weekday of the last day."""
    offset = DAYS_PER_WEEK * WEEKS - DAYS
    return (day.astype(np.int64) + offset) // DAYS_PER_WEEK


def first_day_of(week: int) -> int:
    """Return the first day of a week, both counted from 0."""
    return max(0, week * DAYS_PER_WEEK - (DAYS_PER_WEEK * WEEKS - DAYS))


@dataclass(frozen=True, eq=False)
class Market:
    """Sales by day, and what is for sale by week.

    A slot is an article that is for sale in a week; slots are ordered by week and department.

    Attributes:
        day_ends: (DAYS,) float64, cumulative share of the purchases.
        offsets: (WEEKS * DEPARTMENTS + 1,) int64, first slot of each week and department.
        articles: (slots,) int32.
        popularity: (slots,) float32, relative sales to a customer without tastes.
        vectors: (DIMENSIONS, slots) float32.
        department_factor: (WEEKS, DEPARTMENTS) float32, season and trend; 0 where nothing is for sale.
        base_ends: (WEEKS, personas, DEPARTMENTS) float32, cumulative shares of the departments in the sales.
    """

    day_ends: NDArray[np.float64]
    offsets: NDArray[np.int64]
    articles: NDArray[np.int32]
    popularity: NDArray[np.float32]
    vectors: NDArray[np.float32]
    department_factor: NDArray[np.float32]
    base_ends: NDArray[np.float32]

    def slots(self, week: int) -> slice:
        """Return the slots of a week."""
        return slice(int(self.offsets[week * labels.DEPARTMENTS]), int(self.offsets[(week + 1) * labels.DEPARTMENTS]))


def draw_market(rng: np.random.Generator, catalogue: Catalogue, persona_sales: NDArray[np.float64]) -> Market:
    """Draw the market.

    Args:
        rng: source of randomness.
        catalogue: the articles.
        persona_sales: (personas, DEPARTMENTS) shares of the departments, apart from season and trend.
    """
    by_department = np.argsort(catalogue.department, kind="stable")
    department = catalogue.department[by_department]
    style = _walk(rng, DIMENSIONS, step=0.08, spread=0.2)
    articles, popularity, counts = [], [], []
    for week in range(WEEKS):
        rate = catalogue.sales_rate(week)[by_department]
        chosen = by_department[rate > 0]
        # A product by BLAS would depend on its number of threads.
        by_style = (catalogue.vectors[chosen] * style[week]).sum(axis=1)
        trend = np.exp(by_style + rng.normal(0, 0.3, len(chosen)))
        articles.append(chosen.astype(np.int32))
        popularity.append((rate[rate > 0] * trend).astype(np.float32))
        counts.append(np.bincount(department[rate > 0], minlength=labels.DEPARTMENTS))
    numbers = np.concatenate(counts)
    factor = _department_factors(rng) * (numbers.reshape(WEEKS, -1) > 0)
    base = np.cumsum(persona_sales[None] * factor[:, None], axis=2)
    all_articles = np.concatenate(articles)
    return Market(
        day_ends=_day_ends(rng),
        offsets=np.concatenate([[0], np.cumsum(numbers)]).astype(np.int64),
        articles=all_articles,
        popularity=np.concatenate(popularity),
        vectors=np.ascontiguousarray(catalogue.vectors[all_articles].T),
        department_factor=factor.astype(np.float32),
        base_ends=(base / base[:, :, -1:]).astype(np.float32),
    )


def _walk(rng: np.random.Generator, width: int, *, step: float, spread: float) -> NDArray[np.float64]:
    """Return an autoregressive walk of each column over the weeks, (WEEKS, width)."""
    rows = [rng.normal(0, spread, width)]
    keep = np.sqrt(1 - (step / spread) ** 2)
    for _ in range(WEEKS - 1):
        rows.append(keep * rows[-1] + rng.normal(0, step, width))
    return np.array(rows)


def _department_factors(rng: np.random.Generator) -> NDArray[np.float64]:
    summer = np.array(labels.SUMMER)[labels.departments().garment_group]
    middle = np.array([first_day_of(week) + DAYS_PER_WEEK / 2 for week in range(WEEKS)])
    season = np.cos(2 * np.pi * (_day_of_year(middle) - _MIDDLE_OF_SUMMER) / _DAYS_PER_YEAR)
    trend = _walk(rng, labels.DEPARTMENTS, step=0.12, spread=0.35)
    return np.asarray(np.exp(season[:, None] * summer + trend), np.float64)


def _day_of_year(day: NDArray[np.float64]) -> NDArray[np.float64]:
    first = int((FIRST_DAY - FIRST_DAY.astype("M8[Y]").astype("M8[D]")).astype(int))
    return np.asarray((day + first) % _DAYS_PER_YEAR, np.float64)


def _day_ends(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return cumulative shares of the purchases by day: weekdays, seasons, sales and noise."""
    day = np.arange(DAYS)
    year_day = _day_of_year(day.astype(np.float64))
    monday = (FIRST_DAY.astype("M8[D]").astype(int) + 3 + day) % DAYS_PER_WEEK  # 1970-01-01 was a Thursday
    level = np.array(_WEEKDAYS)[monday] * rng.lognormal(0, 0.12, DAYS)
    level *= 1 + 0.18 * np.cos(2 * np.pi * (year_day - 160) / _DAYS_PER_YEAR)
    level *= 1 - 0.20 * np.exp(-(((day - (DAYS - 4)) / 12.0) ** 2))  # the last weeks of the data are weak
    for start, length, factor in _SALES:
        level[(year_day >= start) & (year_day < start + length)] *= factor
    return np.asarray(np.cumsum(level) / level.sum(), np.float64)
