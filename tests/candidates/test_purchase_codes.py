import numpy as np
import pytest
from fixtures.purchases import purchases_of

from candidates.purchase_codes import PurchaseCodes


def test_purchases_before_a_cut_exclude_those_at_the_cut():
    purchases = purchases_of((0, 1, "2020-01-02"), (3, 2, "2020-01-01 23:59:59.999999"), (3, 4, "2020-01-03"))

    past = purchases.before(np.datetime64("2020-01-02", "us"))

    assert (len(past), past.user_codes.tolist(), past.item_positions.tolist()) == (1, [3], [2])


def test_malformed_purchases_are_refused():
    users, items = np.array([0], np.int32), np.array([0], np.int32)
    times = np.array(["2020-01-01"], "datetime64[us]")

    with pytest.raises(ValueError, match="int64"):
        PurchaseCodes(users.astype(np.int64), items, times)
    with pytest.raises(ValueError, match="missing"):
        PurchaseCodes(users, items, np.array(["NaT"], "datetime64[us]"))
    with pytest.raises(ValueError, match="equally long"):
        PurchaseCodes(users, items[:0], times)
    with pytest.raises(ValueError, match="at least 0"):
        PurchaseCodes(users, items - np.int32(1), times)
