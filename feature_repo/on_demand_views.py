"""Features computed at the time of a request, by the same code offline and online.

The functions work on NumPy arrays: for one user, the same in pandas takes twenty times as long.

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

    # `feast serve` passes numbers of JSON, which are seconds: numpy would read them as months.
    now = inputs["request_timestamp"].to_numpy("datetime64[s]")
    if not ((now >= np.datetime64("1970-01-01")) & (now < np.datetime64("2200-01-01"))).all():
        raise ValueError("request_timestamp must be a timestamp or seconds since 1970, of the years 1970 to 2199.")
    month = now.astype("datetime64[M]").astype(int) % 12 + 1
    angle = 2 * np.pi * month / 12
    return pd.DataFrame({"month_sin": np.sin(angle), "month_cos": np.cos(angle)})


@on_demand_feature_view(
    sources=[request_source, user_profile[["age", "birth_date"]], user_activity_daily[["last_purchase_at"]]],
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
    import numpy as np  # noqa: PLC0415 - Feast stores only the body of this function
    import pandas as pd  # noqa: PLC0415

    # In whole seconds, the resolution of timestamps in Feast's online store.
    now, born, last = (
        inputs[name].to_numpy("datetime64[s]") for name in ("request_timestamp", "birth_date", "last_purchase_at")
    )
    if not ((now >= np.datetime64("1970-01-01")) & (now < np.datetime64("2200-01-01"))).all():
        raise ValueError("request_timestamp must be a timestamp or seconds since 1970, of the years 1970 to 2199.")
    # Whole years by calendar, as minimum ages require; the rest in years of 12 x 31 days.
    months = [moment.astype("datetime64[M]") for moment in (now, born)]
    today, birthday = (
        31 * (month.astype(int) % 12) + (moment - month).astype("timedelta64[D]").astype(int)
        for moment, month in zip((now, born), months, strict=True)
    )
    years = (now.astype("datetime64[Y]") - born.astype("datetime64[Y]")).astype(int) - (today < birthday)
    age = years + (today - birthday) % 372 / 372
    stated = inputs["age"].to_numpy("float64")
    return pd.DataFrame(
        {
            "age_at_request": np.where(np.isnat(born), stated, age),
            "days_since_last_purchase": (now - last) / np.timedelta64(1, "D"),
        }
    )


@on_demand_feature_view(
    sources=[request_source, item_sales_daily[["first_sold_at", "last_sold_at"]]],
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
    import numpy as np  # noqa: PLC0415 - Feast stores only the body of this function
    import pandas as pd  # noqa: PLC0415

    # In whole days: the hour would separate purchased items, joined at the time of purchase, from sampled negatives,
    # joined at 00:00 UTC.
    now, first, last = (
        inputs[name].to_numpy("datetime64[s]").astype("datetime64[D]")
        for name in ("request_timestamp", "first_sold_at", "last_sold_at")
    )
    if not ((now >= np.datetime64("1970-01-01")) & (now < np.datetime64("2200-01-01"))).all():
        raise ValueError("request_timestamp must be a timestamp or seconds since 1970, of the years 1970 to 2199.")
    day = np.timedelta64(1, "D")
    return pd.DataFrame({"days_since_first_sold": (now - first) / day, "days_since_last_sold": (now - last) / day})
