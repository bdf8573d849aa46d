"""The generated tables in Arrow, with the columns and values of the raw tables."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features import schema
from hm_data import labels
from hm_data.catalogue import CENTS_PER_UNIT, Catalogue
from hm_data.customers import Customers
from hm_data.market import FIRST_DAY
from hm_data.purchases import Purchases

BATCH: Final = 1 << 20  # rows
# H&M's prices are amounts divided by 590, its largest is 349 / 590 = 0.5915254237288136.
PRICE_UNIT: Final = 590
TRANSACTION_COLUMNS: Final = pa.schema(
    [
        (schema.T_DAT, pa.date32()),
        (schema.CUSTOMER_ID, pa.string()),
        (schema.ARTICLE_ID, pa.string()),
        (schema.PRICE, pa.float64()),
        (schema.SALES_CHANNEL_ID, pa.int8()),
    ]
)

_SHARE_ACTIVE: Final = 0.34
_NEWS: Final = ("NONE", "Regularly", None, "Monthly")
_SHARE_WITHOUT_NEWS, _SHARE_OF_MONTHLY_NEWS = 0.0117, 0.0006
_CLUB: Final = ("ACTIVE", "PRE-CREATE", "LEFT CLUB", None)
_CLUB_ENDS: Final = (0.928, 0.995, 0.9956)
_ARTICLES_PER_COLOUR: Final = 1_000
_POSTAL_CODES_PER_CUSTOMER: Final = 0.26
_SHARE_OF_ONE_POSTAL_CODE: Final = 0.088
_SHARE_WITHOUT_DESCRIPTION: Final = 0.004


def hex_texts(values: NDArray[np.uint8]) -> pa.Array:
    """Return the hex digits of each row of bytes, string (n,)."""
    count, width = values.shape
    offsets = np.arange(count + 1, dtype=np.int32) * 2 * width
    return pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(values.tobytes().hex().encode())]
    )


def article_ids(catalogue: Catalogue) -> pa.Array:
    """Return ids of 10 digits: the product code and three digits for the colour, string (n,)."""
    number = catalogue.product_code.astype(np.int64) * _ARTICLES_PER_COLOUR + catalogue.colour_number
    return pc.utf8_lpad(pa.array(number).cast(pa.string()), 10, "0")


def customers_table(rng: np.random.Generator, customers: Customers) -> pa.Table:
    """Return the raw table `customers`, with all seven columns."""
    count = len(customers)
    active = rng.random(count) < _SHARE_ACTIVE
    also_active = active & (rng.random(count) < 0.97)
    news = active.astype(np.int64)
    news[rng.random(count) < _SHARE_WITHOUT_NEWS] = 2
    news[rng.random(count) < _SHARE_OF_MONTHLY_NEWS] = 3
    club = np.searchsorted(_CLUB_ENDS, rng.random(count), side="right")
    codes = np.frombuffer(rng.bytes(32 * max(2, int(count * _POSTAL_CODES_PER_CUSTOMER))), np.uint8).reshape(-1, 32)
    code = rng.integers(1, len(codes), count)
    code[rng.random(count) < _SHARE_OF_ONE_POSTAL_CODE] = 0
    flag = pa.array(np.ones(count, np.float32))
    return pa.table(
        {
            schema.CUSTOMER_ID: hex_texts(customers.id_bytes),
            "FN": pc.if_else(active, flag, None),
            "Active": pc.if_else(also_active, flag, None),
            "club_member_status": _take(_CLUB, club),
            "fashion_news_frequency": _take(_NEWS, news),
            "age": pa.array(customers.age.astype(np.float32), from_pandas=True),
            "postal_code": hex_texts(codes).take(pa.array(code)),
        }
    )


def articles_table(rng: np.random.Generator, catalogue: Catalogue) -> pa.Table:
    """Return the raw table `articles`, with all 25 columns."""
    structure = labels.departments()
    department = catalogue.department
    garment_group, index = structure.garment_group[department], structure.index[department]
    group = np.array([each.group for each in labels.INDICES])[index]
    sections = np.cumsum([0, *(each.sections for each in labels.INDICES)])
    section_names = tuple(
        f"{each.short} {word}" for each in labels.INDICES for word in labels.SECTION_WORDS[: each.sections]
    )
    section = sections[index] + structure.section[department]
    noun = _take(labels.TYPE_NOUNS, garment_group)
    word = _take(labels.TYPE_WORDS, catalogue.product_type % len(labels.TYPE_WORDS))
    shade = np.where(catalogue.colour < 48, catalogue.colour % len(labels.SHADES), 0)
    master = np.where(catalogue.colour < 48, catalogue.colour // len(labels.SHADES), catalogue.colour - 32)
    value = np.where(master >= 16, master - 10, shade * 2 + master % 2)
    start, middle, end, material, detail = (
        rng.integers(0, len(words), int(catalogue.product[-1]) + 1)[catalogue.product]
        for words in (labels.NAME_STARTS, labels.NAME_MIDDLES, labels.NAME_ENDS, labels.MATERIALS, labels.DETAILS)
    )
    described = rng.random(len(catalogue)) >= _SHARE_WITHOUT_DESCRIPTION
    name = _join("", _take(labels.NAME_STARTS, start), _take(labels.NAME_MIDDLES, middle), _take(labels.NAME_ENDS, end))
    product_type = _join(" ", word, noun)
    description = _join(
        "", product_type, " in ", _take(labels.MATERIALS, material), " with ", _take(labels.DETAILS, detail), "."
    )
    return pa.table(
        {
            schema.ARTICLE_ID: article_ids(catalogue),
            "product_code": pa.array(catalogue.product_code),
            "prod_name": _join(" ", name, word, noun),
            "product_type_no": pa.array(catalogue.product_type.astype(np.int32) + 49),
            "product_type_name": product_type,
            "product_group_name": _take(labels.PRODUCT_GROUPS, garment_group),
            "graphical_appearance_no": pa.array(catalogue.appearance.astype(np.int32) + 1_010_001),
            "graphical_appearance_name": _take(labels.APPEARANCES, catalogue.appearance),
            "colour_group_code": pa.array(catalogue.colour.astype(np.int32) + 1),
            "colour_group_name": _join("", _take(labels.SHADES, shade), _take(labels.COLOUR_MASTERS, master)),
            "perceived_colour_value_id": pa.array(value + 1),
            "perceived_colour_value_name": _take(labels.COLOUR_VALUES, value),
            "perceived_colour_master_id": pa.array(master + 1),
            "perceived_colour_master_name": _take(labels.COLOUR_MASTERS, master),
            "department_no": pa.array(department.astype(np.int32) + 1_201),
            "department_name": _take(structure.name, department),
            "index_code": _take(tuple(each.code for each in labels.INDICES), index),
            "index_name": _take(tuple(each.name for each in labels.INDICES), index),
            "index_group_no": _take(labels.INDEX_GROUP_NUMBERS, group),
            "index_group_name": _take(labels.INDEX_GROUPS, group),
            "section_no": pa.array(section + 2),
            "section_name": _take(section_names, section),
            "garment_group_no": pa.array(garment_group.astype(np.int32) + 1_001),
            "garment_group_name": _take(labels.GARMENT_GROUPS, garment_group),
            "detail_desc": pc.if_else(described, description, None),
        }
    )


def transaction_batches(customers: Customers, catalogue: Catalogue, purchases: Purchases) -> Iterator[pa.RecordBatch]:
    """Yield the raw table `transactions_train`, ordered by day and customer, in batches of `BATCH` rows."""
    order = np.argsort(purchases.day, kind="stable")
    customer_ids, articles = hex_texts(customers.id_bytes), article_ids(catalogue)
    first_day = FIRST_DAY.astype("M8[D]").astype(np.int32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        yield pa.record_batch(
            [
                pa.array(first_day + purchases.day[rows].astype(np.int32)).cast(pa.date32()),
                customer_ids.take(pa.array(purchases.customer[rows])),
                articles.take(pa.array(purchases.article[rows])),
                pa.array(purchases.cents[rows] / CENTS_PER_UNIT / PRICE_UNIT),
                pa.array(purchases.channel[rows]),
            ],
            schema=TRANSACTION_COLUMNS,
        )


def _take(values: tuple[Any, ...], positions: NDArray[Any]) -> pa.Array:
    return pa.array(values).take(pa.array(positions))


def _join(separator: str, *parts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator)
