"""What is known, and when.

Every view has ttl 0, Feast's word for "valid until replaced": profiles and catalogue rows hold until they change,
and the daily tables write a new row whenever a value changes, also when an event only leaves its window.

The tag `encoding` tells the towers how to take a feature where its dtype leaves a choice: `one_hot` for a small
closed set of words (a String is embedded otherwise), `log` for counts and amounts (a number is taken as it is
otherwise), `items` for a list of item ids (it shares the item tower's vocabulary; a list of Strings has one of its own
otherwise), `aligned` for a list of numbers, one for each element of the list that the tag `of` names. Numbers are
standardised.
"""

from datetime import timedelta

from data_sources import (
    item_availability_source,
    item_catalog_source,
    item_sales_daily_source,
    transactions_source,
    user_activity_daily_source,
    user_bought_items_daily_source,
    user_lately_items_daily_source,
    user_profile_source,
    user_recent_items_daily_source,
    user_tastes_daily_source,
)
from entities import item, user
from feast import FeatureView, Field
from feast.types import Array, Float32, Int64, String, UnixTimestamp

UNTIL_REPLACED = timedelta(0)
ONE_HOT = {"encoding": "one_hot"}
LOG = {"encoding": "log"}
ITEMS = {"encoding": "items"}


def words_of(name: str) -> dict[str, str]:
    """Tags of a list of words of the item feature `name`: both towers share what they learn of them."""
    return {"encoding": "words", "of": name}


def aligned_with(name: str) -> dict[str, str]:
    """Tags of a list that holds one number for each element of the list `name`."""
    return {"encoding": "aligned", "of": name}


user_profile = FeatureView(
    name="user_profile",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_profile_source,
    schema=[
        Field(name="age", dtype=Float32, description="Age in years as the customer table states it; may be missing."),
        Field(name="birth_date", dtype=UnixTimestamp, description="Date of birth, where it is known."),
        Field(name="club_member_status", dtype=String, tags=ONE_HOT, description="Status in the customer club."),
        Field(name="fashion_news_frequency", dtype=String, tags=ONE_HOT, description="How often news is sent."),
        Field(name="postal_code", dtype=String, description="Postal code, hashed by the publisher."),
        Field(name="fashion_news", dtype=Float32, description="1 if the user gets fashion news, else 0 or missing."),
        Field(name="active", dtype=Float32, description="1 if active for communication, else 0 or missing."),
    ],
    description="What a customer told about himself.",
)

item_catalog = FeatureView(
    name="item_catalog",
    entities=[item],
    ttl=UNTIL_REPLACED,
    source=item_catalog_source,
    schema=[
        Field(name="prod_name", dtype=String, description="Name for people to read."),
        Field(name="product_type_name", dtype=String, description="Type of product, such as Trousers."),
        Field(name="product_group_name", dtype=String, description="Group of product types."),
        Field(name="graphical_appearance_name", dtype=String, description="Pattern, such as Stripe."),
        Field(name="colour_group_name", dtype=String, description="Colour."),
        Field(name="department_name", dtype=String, description="Department."),
        Field(name="index_name", dtype=String, description="Index, such as Ladieswear."),
        Field(name="index_group_name", dtype=String, tags=ONE_HOT, description="Group of indexes."),
        Field(name="section_name", dtype=String, description="Section of the shop."),
        Field(name="garment_group_name", dtype=String, tags=ONE_HOT, description="Garment group."),
    ],
    description="What the catalogue says of an article.",
)

item_availability = FeatureView(
    name="item_availability",
    entities=[item],
    ttl=UNTIL_REPLACED,
    source=item_availability_source,
    schema=[
        Field(name="for_sale", dtype=Int64, description="1 if the article is for sale, 0 if it is not."),
        Field(
            name="channels",
            dtype=Array(String),
            description="The sales channels that may show it, ascending; null or empty for every channel.",
        ),
        Field(
            name="minimum_age",
            dtype=Float32,
            description="How old a user must be to be shown it, in years; null for no limit.",
        ),
    ],
    description="Whether, where and to whom an article may be shown, from the moment of each row on; null is yes.",
)

transactions = FeatureView(
    name="transactions",
    entities=[user, item],
    ttl=UNTIL_REPLACED,
    source=transactions_source,
    schema=[
        Field(name="price", dtype=Float32, description="Price paid, in the currency of the raw table."),
        Field(name="sales_channel_id", dtype=String, description="Sales channel."),
        Field(name="purchased_at", dtype=UnixTimestamp, description="The moment of the purchase itself, UTC."),
    ],
    description="The last known purchase of an item by a user, from the morning after it.",
)

user_activity_daily = FeatureView(
    name="user_activity_daily",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_activity_daily_source,
    schema=[
        Field(name="purchases_7d", dtype=Int64, tags=LOG, description="Purchases in the 7 days before this morning."),
        Field(name="purchases_28d", dtype=Int64, tags=LOG, description="Purchases in the 28 days before this morning."),
        Field(name="purchases_total", dtype=Int64, tags=LOG, description="Purchases ever before this morning."),
        Field(name="active_days_total", dtype=Int64, tags=LOG, description="Days with a purchase before this morning."),
        Field(name="spend_28d", dtype=Float32, tags=LOG, description="Spend in the 28 days before, raw currency."),
        Field(name="mean_price", dtype=Float32, tags=LOG, description="Mean price paid ever, raw currency."),
        Field(name="first_purchase_at", dtype=UnixTimestamp, description="The first purchase, UTC."),
        Field(name="last_purchase_at", dtype=UnixTimestamp, description="The last purchase before this morning, UTC."),
    ],
    description="What a user had done before each morning (00:00 UTC).",
)

item_sales_daily = FeatureView(
    name="item_sales_daily",
    entities=[item],
    ttl=UNTIL_REPLACED,
    source=item_sales_daily_source,
    schema=[
        Field(name="sales_1d", dtype=Int64, tags=LOG, description="Units sold on the day before this morning."),
        Field(name="sales_7d", dtype=Int64, tags=LOG, description="Units sold in the 7 days before this morning."),
        Field(name="sales_28d", dtype=Int64, tags=LOG, description="Units sold in the 28 days before this morning."),
        Field(name="sales_total", dtype=Int64, tags=LOG, description="Units sold ever before this morning."),
        Field(name="first_purchases_7d", dtype=Int64, tags=LOG, description="Users who bought it first in 7 days."),
        Field(name="first_purchases_28d", dtype=Int64, tags=LOG, description="Users who bought it first in 28 days."),
        Field(name="buyers_total", dtype=Int64, tags=LOG, description="Users who bought it ever before this morning."),
        Field(name="mean_price", dtype=Float32, tags=LOG, description="Mean price ever, in the raw currency."),
        Field(name="first_sold_at", dtype=UnixTimestamp, description="The first sale, UTC."),
        Field(name="last_sold_at", dtype=UnixTimestamp, description="The last sale before this morning, UTC."),
    ],
    description="What an item had sold before each morning (00:00 UTC).",
)

user_recent_items_daily = FeatureView(
    name="user_recent_items_daily",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_recent_items_daily_source,
    schema=[
        Field(
            name="recent_items",
            dtype=Array(String),
            tags=ITEMS,
            description="The last 128 distinct items bought before this morning, newest first.",
        ),
        Field(
            name="recent_counts",
            dtype=Array(Int64),
            tags=aligned_with("recent_items"),
            description="How often the user had bought each of them before this morning.",
        ),
        Field(
            name="recent_days",
            dtype=Array(Int64),
            tags=aligned_with("recent_items"),
            description="Days from the last purchase of each to the user's own last purchase, 0 on the same UTC day.",
        ),
    ],
    description="What a user bought last, for the towers.",
)

user_bought_items_daily = FeatureView(
    name="user_bought_items_daily",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_bought_items_daily_source,
    schema=[
        Field(
            name="bought_items",
            dtype=Array(String),
            tags=ITEMS,
            description="The last 2,000 distinct items bought before this morning, newest first.",
        ),
        Field(
            name="bought_counts",
            dtype=Array(Int64),
            tags=aligned_with("bought_items"),
            description="How often the user had bought each of them before this morning.",
        ),
        Field(
            name="bought_days",
            dtype=Array(Int64),
            tags=aligned_with("bought_items"),
            description="Days from the last purchase of each to the user's own last purchase, 0 on the same UTC day.",
        ),
    ],
    description="What a user has bought, for the filters and the sources of candidates.",
)

user_lately_items_daily = FeatureView(
    name="user_lately_items_daily",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_lately_items_daily_source,
    schema=[
        Field(
            name="lately_items",
            dtype=Array(String),
            tags=ITEMS,
            description="Items bought in the 91 days up to the user's own last purchase, newest first, 1,000 at most.",
        ),
        Field(
            name="lately_counts_28d",
            dtype=Array(Int64),
            tags=aligned_with("lately_items"),
            description="Purchases of each in the 28 days up to the user's own last purchase.",
        ),
        Field(
            name="lately_counts_91d",
            dtype=Array(Int64),
            tags=aligned_with("lately_items"),
            description="Purchases of each in the 91 days up to the user's own last purchase.",
        ),
    ],
    description="How often a user buys an item these days, whenever his last visit was; for the ranker.",
)

user_tastes_daily = FeatureView(
    name="user_tastes_daily",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_tastes_daily_source,
    schema=[
        Field(
            name="product_types",
            dtype=Array(String),
            tags=words_of("product_type_name"),
            description="The 50 product types bought most often before this morning, the most frequent first.",
        ),
        Field(
            name="product_type_counts",
            dtype=Array(Int64),
            tags=aligned_with("product_types"),
            description="How many purchases of each there had been.",
        ),
        Field(
            name="garment_groups",
            dtype=Array(String),
            tags=words_of("garment_group_name"),
            description="The 50 garment groups bought most often before this morning, the most frequent first.",
        ),
        Field(
            name="garment_group_counts",
            dtype=Array(Int64),
            tags=aligned_with("garment_groups"),
            description="How many purchases of each there had been.",
        ),
        Field(
            name="departments",
            dtype=Array(String),
            tags=words_of("department_name"),
            description="The 50 departments bought from most often before this morning, the most frequent first.",
        ),
        Field(
            name="department_counts",
            dtype=Array(Int64),
            tags=aligned_with("departments"),
            description="How many purchases from each there had been.",
        ),
    ],
    description="What kinds of items a user buys; kinds that the catalogue does not name are left out.",
)
