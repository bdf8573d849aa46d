"""Stored feature views: columns, types, units and encodings of the feature tables.

Daily tables have a row for each day, 00:00 UTC, on which a value changes, also when an event leaves its window. Values
are computed from events before that day. Every view has ttl 0, which in Feast means "valid until replaced".

The tag `encoding` selects how the towers encode a feature:

- String: `one_hot` for a small set of categories; embedded by default.
- number: `log` for counts and amounts; unchanged by default. Numbers are standardised.
- list of Strings: `items` for item ids, which share the item tower's vocabulary, or `categories` for those of the item
  feature in the tag `refers_to`, which share its vocabulary.
- list of numbers: `aligned`, one number per element of the list in the tag `refers_to`.

Views with `online=False` are not materialized: requests read the features of all items from one file, the catalogue
snapshot. To serve item features from the online store as well, set it to True.

The tag `materialize: full` marks a table whose past rows may change: each materialization reads all of it.
"""

from datetime import timedelta

from data_sources import (
    item_availability_source,
    item_catalog_source,
    item_sales_daily_source,
    transactions_source,
    user_activity_daily_source,
    user_bought_items_daily_source,
    user_earlier_items_source,
    user_lately_items_daily_source,
    user_profile_source,
    user_recent_items_daily_source,
    user_tastes_daily_source,
)
from entities import item, user
from feast import FeatureView, Field
from feast.types import Array, Float32, Float64, Int64, String, UnixTimestamp

UNTIL_REPLACED = timedelta(0)
ONE_HOT = {"encoding": "one_hot"}
LOG = {"encoding": "log"}
ITEMS = {"encoding": "items"}
FULL = {"materialize": "full"}


def categories_of(name: str) -> dict[str, str]:
    """Tags of a list of categories of the item feature `name`; both towers share their embeddings."""
    return {"encoding": "categories", "refers_to": name}


def aligned_with(name: str) -> dict[str, str]:
    """Tags of a list with one number per element of the list `name`."""
    return {"encoding": "aligned", "refers_to": name}


user_profile = FeatureView(
    name="user_profile",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_profile_source,
    tags=FULL,
    schema=[
        Field(name="age", dtype=Float32, description="Age in years as stated in customers.csv; may be null."),
        Field(name="birth_date", dtype=UnixTimestamp, description="Date of birth, UTC; may be null."),
        Field(
            name="club_member_status",
            dtype=String,
            tags=ONE_HOT,
            description="Status in the customer club; may be null.",
        ),
        Field(
            name="fashion_news_frequency",
            dtype=String,
            tags=ONE_HOT,
            description="Frequency of fashion news, such as NONE.",
        ),
        Field(name="postal_code", dtype=String, description="Postal code, hashed by the publisher."),
        Field(name="fashion_news", dtype=Float32, description="1 if subscribed to fashion news, else 0 or null."),
        Field(name="active", dtype=Float32, description="1 if active for communication, else 0 or null."),
    ],
    description="Profile of a customer.",
)

item_catalog = FeatureView(
    name="item_catalog",
    entities=[item],
    ttl=UNTIL_REPLACED,
    online=False,
    source=item_catalog_source,
    tags=FULL,
    schema=[
        Field(name="prod_name", dtype=String, description="Display name."),
        Field(name="product_type_name", dtype=String, description="Product type, such as Trousers."),
        Field(name="product_group_name", dtype=String, description="Group of product types."),
        Field(name="graphical_appearance_name", dtype=String, description="Pattern, such as Stripe."),
        Field(name="colour_group_name", dtype=String, description="Colour, such as Black."),
        Field(name="department_name", dtype=String, description="Department, such as Jersey Basic."),
        Field(name="index_name", dtype=String, description="Index, such as Ladieswear."),
        Field(name="index_group_name", dtype=String, tags=ONE_HOT, description="Group of indexes, such as Divided."),
        Field(name="section_name", dtype=String, description="Section of the shop, such as Mens Shoes."),
        Field(name="garment_group_name", dtype=String, tags=ONE_HOT, description="Garment group, such as Knitwear."),
    ],
    description="Catalogue attributes of an article.",
)

item_availability = FeatureView(
    name="item_availability",
    entities=[item],
    ttl=UNTIL_REPLACED,
    online=False,
    source=item_availability_source,
    tags=FULL,
    schema=[
        Field(name="for_sale", dtype=Int64, description="1 if the article is for sale, else 0."),
        Field(
            name="channels",
            dtype=Array(String),
            description="Sales channels in which it is sold, ascending; null or empty for all channels.",
        ),
        Field(
            name="minimum_age",
            dtype=Float32,
            description="Minimum age of users in years; null for no limit.",
        ),
    ],
    description="Whether an article is for sale, in which channels and from which age; null is no restriction.",
)

transactions = FeatureView(
    name="transactions",
    entities=[user, item],
    ttl=UNTIL_REPLACED,
    online=False,
    source=transactions_source,
    schema=[
        Field(name="price", dtype=Float64, description="Price paid, in the currency of the raw table."),
        Field(name="sales_channel_id", dtype=String, description="Sales channel; may be null."),
        Field(name="purchased_at", dtype=UnixTimestamp, description="Time of the purchase, UTC."),
    ],
    description="The last purchase of an item by a user, from the day after it.",
)

user_activity_daily = FeatureView(
    name="user_activity_daily",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_activity_daily_source,
    schema=[
        Field(name="purchases_7d", dtype=Int64, tags=LOG, description="Purchases in the previous 7 days."),
        Field(name="purchases_28d", dtype=Int64, tags=LOG, description="Purchases in the previous 28 days."),
        Field(name="purchases_total", dtype=Int64, tags=LOG, description="Purchases before this day."),
        Field(name="active_days_total", dtype=Int64, tags=LOG, description="Days with a purchase before this day."),
        Field(name="spend_28d", dtype=Float32, tags=LOG, description="Spend in the previous 28 days, raw currency."),
        Field(name="mean_price", dtype=Float32, tags=LOG, description="Mean price of all purchases, raw currency."),
        Field(name="first_purchase_at", dtype=UnixTimestamp, description="Time of the first purchase, UTC."),
        Field(name="last_purchase_at", dtype=UnixTimestamp, description="Time of the last purchase, UTC."),
    ],
    description="Purchases and spend of a user before each day (00:00 UTC).",
)

item_sales_daily = FeatureView(
    name="item_sales_daily",
    entities=[item],
    ttl=UNTIL_REPLACED,
    online=False,
    source=item_sales_daily_source,
    schema=[
        Field(name="sales_1d", dtype=Int64, tags=LOG, description="Sales on the previous day."),
        Field(name="sales_7d", dtype=Int64, tags=LOG, description="Sales in the previous 7 days."),
        Field(name="sales_28d", dtype=Int64, tags=LOG, description="Sales in the previous 28 days."),
        Field(name="sales_total", dtype=Int64, tags=LOG, description="Sales before this day."),
        Field(
            name="first_purchases_7d",
            dtype=Int64,
            tags=LOG,
            description="Users with their first purchase of it in 7 days.",
        ),
        Field(
            name="first_purchases_28d", dtype=Int64, tags=LOG, description="Users with their first purchase in 28 days."
        ),
        Field(name="buyers_total", dtype=Int64, tags=LOG, description="Users who bought it before this day."),
        Field(name="mean_price", dtype=Float32, tags=LOG, description="Mean price of all sales, raw currency."),
        Field(name="first_sold_at", dtype=UnixTimestamp, description="Time of the first sale, UTC."),
        Field(name="last_sold_at", dtype=UnixTimestamp, description="Time of the last sale, UTC."),
    ],
    description="Sales of an item before each day (00:00 UTC).",
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
            description="The 128 items bought most recently, distinct, newest first.",
        ),
        Field(
            name="recent_counts",
            dtype=Array(Int64),
            tags=aligned_with("recent_items"),
            description="Purchases of each item by the user.",
        ),
        Field(
            name="recent_days",
            dtype=Array(Int64),
            tags=aligned_with("recent_items"),
            description="UTC days from the last purchase of each item to the user's last purchase, 0 on the same day.",
        ),
    ],
    description="The items that a user bought most recently, for the towers.",
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
            description="The 2,000 items bought most recently, distinct, newest first.",
        ),
        Field(
            name="bought_counts",
            dtype=Array(Int64),
            tags=aligned_with("bought_items"),
            description="Purchases of each item by the user.",
        ),
        Field(
            name="bought_days",
            dtype=Array(Int64),
            tags=aligned_with("bought_items"),
            description="UTC days from the last purchase of each item to the user's last purchase, 0 on the same day.",
        ),
        Field(
            name="bought_gaps",
            dtype=Array(Float32),
            tags=aligned_with("bought_items"),
            description="Mean UTC days between the days on which the user bought each item, 0 if only one.",
        ),
    ],
    description="The items that a user has bought, for filters and candidate sources.",
)

user_earlier_items = FeatureView(
    name="user_earlier_items",
    entities=[user],
    ttl=UNTIL_REPLACED,
    source=user_earlier_items_source,
    schema=[
        Field(
            name="earlier_items",
            dtype=Array(String),
            description="Every item bought until some day, after which fewer than 2,000 others were bought, by id.",
        ),
    ],
    description="With bought_items, every item that a user has ever bought; of users with 2,000 purchases or more.",
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
            description="Items bought in the 91 days up to the user's last purchase, newest first, at most 1,000.",
        ),
        Field(
            name="lately_counts_28d",
            dtype=Array(Int64),
            tags=aligned_with("lately_items"),
            description="Purchases of each item in the 28 days up to the user's last purchase.",
        ),
        Field(
            name="lately_counts_91d",
            dtype=Array(Int64),
            tags=aligned_with("lately_items"),
            description="Purchases of each item in the 91 days up to the user's last purchase.",
        ),
    ],
    description="How often a user bought items in the weeks up to their last purchase, for the ranker.",
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
            tags=categories_of("product_type_name"),
            description="The 50 product types bought most often, most frequent first.",
        ),
        Field(
            name="product_type_counts",
            dtype=Array(Int64),
            tags=aligned_with("product_types"),
            description="Purchases of each category.",
        ),
        Field(
            name="garment_groups",
            dtype=Array(String),
            tags=categories_of("garment_group_name"),
            description="The 50 garment groups bought most often, most frequent first.",
        ),
        Field(
            name="garment_group_counts",
            dtype=Array(Int64),
            tags=aligned_with("garment_groups"),
            description="Purchases of each category.",
        ),
        Field(
            name="departments",
            dtype=Array(String),
            tags=categories_of("department_name"),
            description="The 50 departments bought from most often, most frequent first.",
        ),
        Field(
            name="department_counts",
            dtype=Array(Int64),
            tags=aligned_with("departments"),
            description="Purchases from each department.",
        ),
    ],
    description="The categories that a user buys most often; items without a category are ignored.",
)
