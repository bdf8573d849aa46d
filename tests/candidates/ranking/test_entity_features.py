import numpy as np
import pyarrow as pa
import pytest

from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.text_codes import TextCodes

ITEMS = {
    "item_id": ["1", "2", "3"],
    "sales_1d": [1.0, 0.0, None],
    "sales_7d": [2.0, 0.0, None],
    "sales_28d": [9.0, 3.0, None],
    "sales_total": [99.0, 3.0, None],
    "first_purchases_28d": [4.0, 3.0, None],
    "buyers_total": [40.0, 3.0, None],
    "mean_price": [20.0, 0.0, None],
    "product_type_name": ["hat", "shoe", "hat"],
    "garment_group_name": ["wear", "wear", None],
    "department_name": [None, None, None],
}
USERS = {
    "purchases_7d": [1.0, None],
    "purchases_28d": [2.0, None],
    "purchases_total": [5.0, None],
    "active_days_total": [3.0, None],
    "mean_price": [10.0, None],
    "days_since_last_purchase": [2.5, None],
    "product_types": [["shoe", "coat", "hat"], None],
    "product_type_counts": [[3.0, 1.0, 1.0], None],
    "garment_groups": [["wear"], None],
    "garment_group_counts": [[4.0], None],
    "departments": [[], None],
    "department_counts": [[], None],
    "lately_items": [["3", "gone", "1"], None],
    "lately_counts_28d": [[1.0, 2.0, 0.0], None],
    "lately_counts_91d": [[1.0, 2.0, 4.0], None],
}


def table(columns):
    def column_type(name):
        if name in {"product_types", "garment_groups", "departments", "lately_items"}:
            return pa.list_(pa.string())
        if "_counts" in name:
            return pa.list_(pa.float32())
        return pa.string() if name.endswith(("_name", "_id")) else pa.float32()

    return pa.table({name: pa.array(values, column_type(name)) for name, values in columns.items()})


@pytest.fixture
def items():
    return ItemFeatures.from_table(table(ITEMS), TextCodes.from_texts(table(ITEMS)["item_id"]))


@pytest.fixture
def users(items):
    return UserFeatures.from_table(table(USERS), items)


def test_an_item_without_sales_has_zero_sales_and_no_price(items):
    assert len(items) == 3
    assert items.log_sales[2].tolist() == [0, 0, 0, 0]
    assert items.log_sales[0] == pytest.approx(np.log([2, 3, 10, 100]))
    assert items.repurchase_rate == pytest.approx([5 / 50, 0, 0])
    assert items.log_price == pytest.approx([np.log(20), np.nan, np.nan], nan_ok=True)  # a price of 0 is unknown


def test_a_category_has_a_code_and_its_share_of_the_units_sold_plus_one(items):
    assert [codes.texts.to_pylist() for codes in items.vocabularies] == [["hat", "shoe"], ["wear"], []]
    assert items.categories.tolist() == [[0, 1, 0], [0, 0, -1], [-1, -1, -1]]
    shares = [[10 / 14, 4 / 14, 10 / 14], [1, 1, np.nan], [np.nan, np.nan, np.nan]]
    assert np.allclose(items.category_shares, shares, equal_nan=True)


def test_a_cold_user_has_zero_purchases_and_no_price(users):
    assert len(users) == 2
    assert users.purchases.tolist() == [[1, 2, 5], [0, 0, 0]]
    assert users.active_days.tolist() == [3, 0]
    assert users.days_since_last_purchase == pytest.approx([2.5, np.nan], nan_ok=True)
    assert users.log_price == pytest.approx([np.log(10), np.nan], nan_ok=True)


def counts_by_user(pair_counts):
    """Per user, the counts by code."""
    entries = zip(pair_counts.pairs.positions.tolist(), pair_counts.counts.tolist(), strict=True)
    found = [{} for _ in range(len(pair_counts.pairs))]
    for row, (code, counts) in zip(pair_counts.pairs.rows.tolist(), entries, strict=True):
        found[row][code] = counts
    return found


def test_purchases_of_categories_are_counted_by_user_and_those_outside_the_catalogue_dropped(users):
    # Shoes and hats of the first user; no item is a coat.
    types, groups, departments = map(counts_by_user, users.category_counts)

    assert types == [{0: [1], 1: [3]}, {}]
    assert groups == [{0: [4]}, {}]
    assert departments == [{}, {}]
    assert [counts.width for counts in users.category_counts] == [2, 1, 0]


def test_recent_purchases_are_counted_by_item_in_28_days_and_in_91(users):
    assert counts_by_user(users.recent_item_counts) == [{2: [1, 1], 0: [0, 4]}, {}]


def test_recent_purchases_of_the_same_item_are_counted_by_user(items):
    lists = {"lately_items": [["3", "1"], ["1"]], "lately_counts_28d": [[1.0, 2.0], [5.0]]}

    users = UserFeatures.from_table(table({**USERS, **lists, "lately_counts_91d": [[3.0, 4.0], [6.0]]}), items)

    assert counts_by_user(users.recent_item_counts) == [{2: [1, 3], 0: [2, 4]}, {0: [5, 6]}]


def test_zero_users_have_empty_features(items):
    users = UserFeatures.from_table(table({name: [] for name in USERS}), items)

    assert len(users) == len(users.category_counts[0].pairs) == len(users.recent_item_counts.pairs) == 0


def test_lists_of_texts_and_counts_must_be_equally_long(items):
    with pytest.raises(ValueError, match="product_types and product_type_counts must be equally long"):
        UserFeatures.from_table(table({**USERS, "product_type_counts": [[3.0, 1.0], None]}), items)
    with pytest.raises(ValueError, match="lately_items and lately_counts_91d must be equally long"):
        UserFeatures.from_table(table({**USERS, "lately_counts_91d": [[3.0, 1.0], None]}), items)
    with pytest.raises(ValueError, match="lately_items and lately_counts_28d must be equally long"):
        UserFeatures.from_table(table({**USERS, "lately_counts_28d": [[3.0, 1.0], [1.0]]}), items)  # equal totals
