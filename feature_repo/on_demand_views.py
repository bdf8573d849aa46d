"""What is reckoned at the moment of a request: by the same code offline and online.

Feast compares the fields of an on-demand view with the ones it infers, by every attribute: they cannot carry
descriptions or tags of their own, so the view says it for them. Its tag `encoding:<field>` is the field's `encoding`.
"""

import pandas as pd
from data_sources import request_source
from feast import Field
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64
from feature_views import item_sales_daily, user_activity_daily, user_profile


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
        "The user at the moment of the request: age_at_request in years, from birthday to birthday where the "
        "birth date is known, else as stated, may be missing; days_since_last_purchase in days, missing without a "
        "purchase."
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
    # Whole years by the calendar, which limits of age ask for, and the rest in twelfths of 31 days.
    today, birthday = (31 * moment.dt.month + moment.dt.day for moment in (now, born))
    years = now.dt.year - born.dt.year - (today < birthday) + (today - birthday) % 372 / 372
    days = (now - last).dt.total_seconds() / 86400
    return pd.DataFrame(
        {
            "age_at_request": years.fillna(inputs["age"].astype("float64")),
            "days_since_last_purchase": days,
        }
    )


@on_demand_feature_view(
    sources=[request_source, item_sales_daily],
    schema=[Field(name="days_since_first_sold", dtype=Float64), Field(name="days_since_last_sold", dtype=Float64)],
    mode="pandas",
    tags={"encoding:days_since_first_sold": "log", "encoding:days_since_last_sold": "log"},
    description=(
        "The item at the moment of the request: days_since_first_sold and days_since_last_sold in whole UTC days, "
        "missing if it was never sold before this morning."
    ),
)
def item_at_request(inputs: pd.DataFrame) -> pd.DataFrame:
    """How long an item has been selling, and how recently, reckoned from the moment of the request."""
    import pandas as pd  # noqa: PLC0415 - Feast stores the body of this function by itself

    # In whole days: the hour would tell apart what was asked for at the moment of its purchase, and was bought, from
    # what was asked for as of that morning, and was not.
    now, first, last = (
        pd.to_datetime(inputs[name], utc=True).dt.floor("D")
        for name in ("request_timestamp", "first_sold_at", "last_sold_at")
    )
    days = {"days_since_first_sold": now - first, "days_since_last_sold": now - last}
    return pd.DataFrame({name: since.dt.total_seconds() / 86400 for name, since in days.items()})
