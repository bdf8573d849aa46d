"""Features computed at the time of a request, by the same code offline and online.

Feast compares all attributes of an on-demand view's fields with those it infers, so the fields cannot have descriptions
or tags. The view's description documents them, and its tag `encoding:<field>` is the field's `encoding`.
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
    description="Month of the request: month_sin and month_cos, sine and cosine of its angle; January is 30 degrees.",
)
def request_month(inputs: pd.DataFrame) -> pd.DataFrame:
    """Sine and cosine of the month of the request."""
    import numpy as np  # noqa: PLC0415 - Feast stores only the body of this function
    import pandas as pd  # noqa: PLC0415

    angle = 2 * np.pi * pd.to_datetime(inputs["request_timestamp"], utc=True).dt.month / 12
    return pd.DataFrame({"month_sin": np.sin(angle), "month_cos": np.cos(angle)})


@on_demand_feature_view(
    sources=[request_source, user_profile, user_activity_daily],
    schema=[Field(name="age_at_request", dtype=Float64), Field(name="days_since_last_purchase", dtype=Float64)],
    mode="pandas",
    tags={"encoding:days_since_last_purchase": "log"},
    description=(
        "A user at the time of the request: age_at_request in years, from the birth date, or as stated if that is "
        "unknown, may be null; days_since_last_purchase in days, null without a purchase."
    ),
)
def user_at_request(inputs: pd.DataFrame) -> pd.DataFrame:
    """Age, and days since the last purchase."""
    import pandas as pd  # noqa: PLC0415 - Feast stores only the body of this function

    # In whole seconds, the resolution of timestamps in Feast's online store.
    now, born, last = (
        pd.to_datetime(inputs[name], utc=True).dt.floor("s")
        for name in ("request_timestamp", "birth_date", "last_purchase_at")
    )
    # Whole years by calendar, as minimum ages require; the rest in years of 12 x 31 days.
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
        "An item at the time of the request: days_since_first_sold and days_since_last_sold in whole UTC days, "
        "null without a sale before this day."
    ),
)
def item_at_request(inputs: pd.DataFrame) -> pd.DataFrame:
    """Days since the first and the last sale."""
    import pandas as pd  # noqa: PLC0415 - Feast stores only the body of this function

    # In whole days: the hour would separate purchased items, joined at the time of purchase, from sampled negatives,
    # joined at 00:00 UTC.
    now, first, last = (
        pd.to_datetime(inputs[name], utc=True).dt.floor("D")
        for name in ("request_timestamp", "first_sold_at", "last_sold_at")
    )
    days = {"days_since_first_sold": now - first, "days_since_last_sold": now - last}
    return pd.DataFrame({name: since.dt.total_seconds() / 86400 for name, since in days.items()})
