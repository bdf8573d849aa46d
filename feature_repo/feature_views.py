"""What is known, and when.

Every view has ttl 0, Feast's word for "valid until replaced": profiles and catalogue rows hold until they change,
and the daily tables write a new row whenever a value changes, also when an event only leaves its window.

The tag `encoding` tells the towers how to take a feature where its dtype leaves a choice: `one_hot` for a small
closed set of words (a String is embedded otherwise), `log` for counts and amounts (a number is taken as it is
otherwise), `items` for a list of item ids (it shares the item tower's vocabulary). Numbers are standardised.
"""

from datetime import timedelta

import pandas as pd
from data_sources import (
    item_catalog_source,
    item_sales_daily_source,
    request_source,
    transactions_source,
    user_activity_daily_source,
    user_bought_items_daily_source,
    user_profile_source,
    user_recent_items_daily_source,
)
from entities import item, user
from feast import FeatureView, Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Float32, Float64, Int64, String, UnixTimestamp

UNTIL_REPLACED = timedelta(0)
ONE_HOT = {"encoding": "one_hot"}
LOG = {"encoding": "log"}
ITEMS = {"encoding": "items"}

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
            description="The last 50 distinct items bought before this morning, newest first.",
        )
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
            description="The last 2,000 distinct items bought before this morning, newest first.",
        )
    ],
    description="What a user has bought, for the filters.",
)


# Feast compares the fields of an on-demand view with the ones it infers, by every attribute: they cannot carry
# descriptions or tags of their own, so the view says it for them.
@on_demand_feature_view(
    sources=[request_source],
    schema=[Field(name="month_sin", dtype=Float64), Field(name="month_cos", dtype=Float64)],
    mode="pandas",
    description="The season of the request: month_sin and month_cos of the month's angle, January is 30 degrees.",
)
def request_month(inputs: pd.DataFrame) -> pd.DataFrame:
    """Sine and cosine of the month of the request."""
    import numpy as np  # noqa: PLC0415 - Feast stores the body of this function by itself
    import pandas as pd  # noqa: PLC0415

    angle = 2 * np.pi * pd.to_datetime(inputs["request_timestamp"], utc=True).dt.month / 12
    return pd.DataFrame({"month_sin": np.sin(angle), "month_cos": np.cos(angle)})


@on_demand_feature_view(
    sources=[request_source, user_profile, user_activity_daily],
    schema=[Field(name="age_at_request", dtype=Float64), Field(name="days_since_last_purchase", dtype=Float64)],
    mode="pandas",
    tags={"encoding:days_since_last_purchase": "log"},
    description=(
        "The user at the moment of the request: age_at_request in years, from the birth date where it is known, else "
        "as stated, may be missing; days_since_last_purchase in days, missing without a purchase."
    ),
)
def user_at_request(inputs: pd.DataFrame) -> pd.DataFrame:
    """Age and recency, reckoned from the moment of the request."""
    import pandas as pd  # noqa: PLC0415 - Feast stores the body of this function by itself

    # In whole seconds, because Feast hands moments over no finer than that online.
    now, born, last = (
        pd.to_datetime(inputs[name], utc=True).dt.floor("s")
        for name in ("request_timestamp", "birth_date", "last_purchase_at")
    )
    years = (now - born).dt.total_seconds() / (365.2425 * 86400)
    days = (now - last).dt.total_seconds() / 86400
    return pd.DataFrame(
        {
            "age_at_request": years.fillna(inputs["age"].astype("float64")),
            "days_since_last_purchase": days,
        }
    )
