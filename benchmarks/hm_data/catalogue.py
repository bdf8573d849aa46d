"""The generated catalogue: products and their colours, life cycles, popularity, prices and latent vectors."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hm_data import labels

WEEKS: Final = 105  # of 7 days, counted back from the last day of the data; the first week has 6
DIMENSIONS: Final = 8  # of tastes and of item vectors; dimension 0 is the price level
CENTS_PER_UNIT: Final = 100
MIN_CENTS, MAX_CENTS = 100, 34_900

_FIRST_CODE, _LAST_CODE = 108_775, 959_461
_MAX_COLOURS: Final = 40
_MAX_WEEKS: Final = 300
_SHARE_EVERGREEN: Final = 0.05
_MEDIAN_WEEKS: Final = 16.0
_SHARE_PREMIUM, _PREMIUM = 0.002, 4.0  # share of the products, and multiple of the price


@dataclass(frozen=True, eq=False)
class Catalogue:
    """n articles, ordered by product; products are ordered by the week of their introduction.

    Attributes:
        product: (n,) int32, number of the product, from 0.
        product_code: (n,) int32, up to 7 digits.
        colour_number: (n,) int32, number of the article within its product, from 1.
        product_start: (products + 1,) int32, first article of each product.
        department: (n,) int16, position in `labels.departments()`.
        product_type: (n,) int16, garment group x `labels.TYPE_WORDS`.
        appearance: (n,) int16, position in `labels.APPEARANCES`.
        colour: (n,) int16, colour group.
        first_week: (n,) int32, of sales; negative for articles from before the data.
        last_week: (n,) int32, of sales, inclusive.
        evergreen: (n,) bool, sold at a constant rate.
        popularity: (n,) float64, relative sales at the start of the life cycle.
        vectors: (n, DIMENSIONS) float32, latent.
        cents: (n,) int32, list price.
    """

    product: NDArray[np.int32]
    product_code: NDArray[np.int32]
    colour_number: NDArray[np.int32]
    product_start: NDArray[np.int32]
    department: NDArray[np.int16]
    product_type: NDArray[np.int16]
    appearance: NDArray[np.int16]
    colour: NDArray[np.int16]
    first_week: NDArray[np.int32]
    last_week: NDArray[np.int32]
    evergreen: NDArray[np.bool_]
    popularity: NDArray[np.float64]
    vectors: NDArray[np.float32]
    cents: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of articles."""
        return len(self.product)

    def sales_rate(self, week: int) -> NDArray[np.float64]:
        """Return popularity x life cycle of each article in a week, 0 for articles that are not for sale, (n,)."""
        age = week - self.first_week
        life = self.last_week - self.first_week + 1
        phase = np.where(self.evergreen, 0.0, np.exp(-2.0 * age / life))
        phase[self.evergreen] = 0.3
        launch = np.where((age == 0) & ~self.evergreen, 0.6, 1.0)  # introduced in the middle of the week
        is_for_sale = (age >= 0) & (week <= self.last_week)
        return np.where(is_for_sale, self.popularity * phase * launch, 0.0)

    def percent(self, week: int) -> NDArray[np.int16]:
        """Return the price in a week, percent of the list price, (n,): markdowns end the life cycle."""
        progress = (week - self.first_week) / (self.last_week - self.first_week + 1)
        steps = np.array([100, 80, 70, 50], np.int16)
        return np.where(self.evergreen, steps[0], steps[np.searchsorted([0.6, 0.75, 0.9], progress)])


def draw_catalogue(rng: np.random.Generator, articles: int, department_sales: NDArray[np.float64]) -> Catalogue:
    """Draw a catalogue.

    Args:
        rng: source of randomness.
        articles: number of articles.
        department_sales: (DEPARTMENTS,) relative sales of each department within its index.
    """
    product, colour_number = _products(rng, articles)
    products = int(product[-1]) + 1
    structure = labels.departments()
    shares = np.array([index.share for index in labels.INDICES])[structure.index] * department_sales**0.9
    department = rng.choice(labels.DEPARTMENTS, size=products, p=shares / shares.sum())
    garment_group = structure.garment_group[department]
    product_type = garment_group * len(labels.TYPE_WORDS) + _zipf(rng, len(labels.TYPE_WORDS), 0.8, products)
    appearance = _zipf(rng, len(labels.APPEARANCES), 1.4, products)
    evergreen = rng.random(products) < _SHARE_EVERGREEN
    life = np.clip(_MEDIAN_WEEKS * rng.lognormal(0, 0.9, products), 3, _MAX_WEEKS).astype(np.int32)
    start = np.floor(rng.random(products) * (WEEKS + life) - life).astype(np.int32)
    start[evergreen] = -life[evergreen]

    order = np.argsort(np.where(evergreen, -_MAX_WEEKS, start), kind="stable")
    department, product_type, appearance = department[order], product_type[order], appearance[order]
    evergreen, life, start = evergreen[order], life[order], start[order]
    later = np.where(colour_number > 1, rng.integers(0, 4, articles) * rng.integers(0, 5, articles), 0)
    of_product = evergreen[product]
    first_week = np.where(of_product, start[product], start[product] + np.minimum(later, 3 * life[product] // 4))
    last_week = np.where(of_product, WEEKS, np.maximum(first_week + 2, start[product] + life[product] - 1))
    colour = _colours(rng, product, colour_number)
    vectors = _vectors(rng, product, product_type[product], appearance[product], colour)
    level = vectors[:, 0]
    log_popularity = rng.normal(0, 0.85, products)[product] + rng.normal(0, 0.5, articles) - 0.15 * level
    median = np.array(labels.LIST_PRICES)[structure.garment_group[department]][product]
    price_level = level[_first_of_each(product)][product]  # the colours of a product have one price
    premium = np.where(rng.random(products) < _SHARE_PREMIUM, _PREMIUM, 1.0)[product]
    amounts = np.round(median * premium * np.exp(0.38 * price_level)) - 0.01
    gaps = rng.random(products) + 0.02
    code = _FIRST_CODE + np.floor(np.cumsum(gaps) / gaps.sum() * (_LAST_CODE - _FIRST_CODE - products)).astype(np.int64)
    code += np.arange(products)  # distinct
    return Catalogue(
        product=product,
        product_code=code[product].astype(np.int32),
        colour_number=colour_number,
        product_start=np.append(_first_of_each(product), articles).astype(np.int32),
        department=department[product].astype(np.int16),
        product_type=product_type[product].astype(np.int16),
        appearance=appearance[product].astype(np.int16),
        colour=colour,
        first_week=first_week.astype(np.int32),
        last_week=last_week.astype(np.int32),
        evergreen=of_product,
        popularity=np.exp(log_popularity),
        vectors=vectors,
        cents=np.clip(np.round(amounts * CENTS_PER_UNIT), MIN_CENTS - 1, MAX_CENTS).astype(np.int32),
    )


def _products(rng: np.random.Generator, articles: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return product and number within the product of each article: half of the products have one colour."""
    sizes = np.floor(2 * rng.random(articles) ** (-1 / 2.2)).astype(np.int64) - 1
    sizes = np.clip(sizes, 1, _MAX_COLOURS)
    product = np.repeat(np.arange(articles), sizes)[:articles].astype(np.int32)
    first = _first_of_each(product)
    return product, (np.arange(articles) - first[product] + 1).astype(np.int32)


def _first_of_each(product: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.flatnonzero(np.diff(product, prepend=-1)).astype(np.int64)


def _zipf(rng: np.random.Generator, values: int, exponent: float, size: int) -> NDArray[np.int64]:
    weights = 1 / np.arange(1, values + 1) ** exponent
    return rng.choice(values, size=size, p=weights / weights.sum()).astype(np.int64)


def _colours(
    rng: np.random.Generator, product: NDArray[np.int32], colour_number: NDArray[np.int32]
) -> NDArray[np.int16]:
    """Return distinct colour groups of each product, popular ones first and more often."""
    # Numbers with Gumbel noise are in the order of draws without replacement.
    noise = rng.gumbel(size=(int(product[-1]) + 1, labels.COLOURS)).astype(np.float32)
    order = np.argsort(np.log(np.arange(1, labels.COLOURS + 1)).astype(np.float32) - noise, axis=1, kind="stable")
    return order[product, colour_number - 1].astype(np.int16)


def _vectors(
    rng: np.random.Generator,
    product: NDArray[np.int32],
    product_type: NDArray[np.int64],
    appearance: NDArray[np.int64],
    colour: NDArray[np.int16],
) -> NDArray[np.float32]:
    """Return vectors whose variance is 1 in every dimension; categories explain two thirds of it."""
    parts = (
        (0.25, labels.COLOURS, colour),
        (0.22, len(labels.APPEARANCES), appearance),
        (0.20, len(labels.GARMENT_GROUPS) * len(labels.TYPE_WORDS), product_type),
        (0.33, int(product[-1]) + 1, product),
    )
    vectors = sum(np.sqrt(share) * rng.normal(size=(values, DIMENSIONS))[position] for share, values, position in parts)
    return np.asarray(vectors, np.float32)
