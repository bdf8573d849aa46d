"""The time of a request is read in the right unit, whoever writes it, or refused."""

from datetime import UTC, datetime

import pandas as pd
import pytest

MARCH = datetime(2020, 3, 1, tzinfo=UTC)
ON_DEMAND = {
    "request_month": {},
    "user_at_request": {
        "age": [30.0],
        "birth_date": pd.to_datetime(["1980-02-29"], utc=True),
        "last_purchase_at": pd.to_datetime(["2020-02-28"], utc=True),
    },
    "item_at_request": {
        "first_sold_at": pd.to_datetime(["2020-01-01"], utc=True),
        "last_sold_at": pd.to_datetime(["2020-02-28"], utc=True),
    },
}


@pytest.fixture(params=ON_DEMAND)
def at_request(request, toy_store):
    """Compute the features of an on-demand view at a request, given as the only value of a column."""

    def at_request(moments):
        view = toy_store.get_on_demand_feature_view(request.param)
        inputs = pd.DataFrame({"request_timestamp": moments, **ON_DEMAND[request.param]})
        return view.feature_transformation.udf(inputs).to_dict("list")

    return at_request


@pytest.mark.parametrize(
    "moments",
    [
        [int(MARCH.timestamp())],
        [MARCH.timestamp()],
        ["2020-03-01"],
        pd.to_datetime(["2020-03-01"]),
        pd.Series(pd.to_datetime(["2020-03-01"], utc=True)).dt.as_unit("ns"),
        [datetime(2020, 3, 1)],  # noqa: DTZ001
    ],
    ids=["seconds", "seconds as float", "text", "without zone", "nanoseconds", "datetime"],
)
def test_the_time_of_a_request_may_be_seconds_since_1970_as_feast_serve_reads_them(at_request, moments):
    assert at_request(moments) == at_request(pd.to_datetime(["2020-03-01"], utc=True))


@pytest.mark.parametrize(
    "moments", [[1_583_020_800_000], [1_583_020_800_000_000_000], ["1583020800"], [-1], [pd.NaT]], ids=str
)
def test_another_unit_or_no_time_of_a_request_is_refused(at_request, moments):
    with pytest.raises(ValueError, match="request_timestamp"):
        at_request(moments)
