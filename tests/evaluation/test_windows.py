from datetime import UTC, datetime

import pytest

from evaluation.windows import weekly_cuts


def test_the_last_weeks_of_the_data_report_and_those_before_them_choose():
    end = datetime(2018, 1, 2, tzinfo=UTC)

    assert [f"{cut:%m-%d}" for cut in weekly_cuts(end, 4, "reporting")] == ["12-05", "12-12", "12-19", "12-26"]
    assert [f"{cut:%m-%d}" for cut in weekly_cuts(end, 4, "choosing")] == ["11-07", "11-14", "11-21", "11-28"]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_no_week_both_chooses_and_reports(count):
    end = datetime(2020, 9, 23, 13, tzinfo=UTC)

    assert not set(weekly_cuts(end, 4, "reporting")) & set(weekly_cuts(end, count, "choosing"))
    assert max(weekly_cuts(end, count, "choosing")) < min(weekly_cuts(end, 4, "reporting"))


def test_more_weeks_than_are_reserved_are_refused():
    with pytest.raises(ValueError, match="1 to 4 weeks are judged, not 5"):
        weekly_cuts(datetime(2020, 9, 23, tzinfo=UTC), 5, "reporting")
