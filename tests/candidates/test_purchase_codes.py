import numpy as np
import pytest

from candidates.purchase_codes import PurchaseCodes


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
