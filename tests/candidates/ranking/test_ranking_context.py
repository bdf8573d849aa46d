import time

import numpy as np
import pyarrow as pa
import pytest

from candidates.ranking.context import ItemFeatures, UserFeatures

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
    def kind(name):
        if name in {"product_types", "garment_groups", "departments", "lately_items"}:
            return pa.list_(pa.string())
        if "_counts" in name:
            return pa.list_(pa.float32())
        return pa.string() if name.endswith(("_name", "_id")) else pa.float32()

    return pa.table({name: pa.array(values, kind(name)) for name, values in columns.items()})


@pytest.fixture
def items():
    return ItemFeatures.of(table(ITEMS))


@pytest.fixture
def users(items):
    return UserFeatures.of(table(USERS), items)


def test_what_was_never_sold_has_sold_nothing_and_has_no_price(items):
    assert len(items) == 3
    assert items.log_sales[2].tolist() == [0, 0, 0, 0]
    assert items.log_sales[0] == pytest.approx(np.log([2, 3, 10, 100]))
    assert items.repeat_share == pytest.approx([5 / 50, 0, 0])
    assert items.log_price == pytest.approx([np.log(20), np.nan, np.nan], nan_ok=True)  # nothing is sold for nothing


def test_a_word_has_a_code_and_the_share_of_what_was_sold_under_it_and_one_more(items):
    assert items.vocabulary == ({"hat": 0, "shoe": 1}, {"wear": 2}, {})
    assert items.width == 3
    assert items.words.tolist() == [[0, 2, -1], [1, 2, -1], [0, -1, -1]]
    shares = [[10 / 14, 1, np.nan], [4 / 14, 1, np.nan], [10 / 14, np.nan, np.nan]]
    assert np.allclose(items.word_shares, shares, equal_nan=True)


def test_who_never_bought_has_bought_nothing_and_pays_no_price(users):
    assert len(users) == 2
    assert users.purchases.tolist() == [[1, 2, 5], [0, 0, 0]]
    assert users.visits.tolist() == [3, 0]
    assert users.log_price == pytest.approx([np.log(10), np.nan], nan_ok=True)


def test_words_are_counted_for_the_user_who_bought_them(users, items):
    rows = np.repeat([[0, 0, 0], [1, 1, 1]], 3, axis=0)

    counts = users.tastes.look_up(rows, np.concatenate([items.words, items.words]))

    nothing = np.nan
    expected = [
        [1, 4, nothing], [3, 4, nothing], [1, nothing, nothing],
        [0, 0, nothing], [0, 0, nothing], [0, nothing, nothing],
    ]  # fmt: skip
    assert np.array_equal(counts[..., 0], expected, equal_nan=True)


def test_words_of_no_item_are_left_out(users):
    assert users.tastes.pairs.rows.tolist() == [0, 0, 0]
    assert users.tastes.pairs.positions.tolist() == [
        0,
        1,
        2,
    ]  # hat, shoe, wear of the first user; nobody asks for coats
    assert users.tastes.counts.tolist() == [[1], [3], [4]]


def test_what_users_bought_lately_is_looked_up_by_the_ids_of_items(users):
    counts = users.lately_of_pairs(np.array([0, 0, 0, 1]), np.array(["1", "2", "3", "1"]))

    assert counts.tolist() == [[0, 4], [0, 0], [1, 1], [0, 0]]  # in 28 days and in 91


def test_users_who_bought_the_same_lately_are_not_mixed_up(items):
    lists = {"lately_items": [["3", "1"], ["1"]], "lately_counts_28d": [[1.0, 2.0], [5.0]]}
    users = UserFeatures.of(table({**USERS, **lists, "lately_counts_91d": [[3.0, 4.0], [6.0]]}), items)

    counts = users.lately_of_pairs(np.array([1, 0, 0, 1]), np.array(["1", "1", "3", "3"]))

    assert counts.tolist() == [[5, 6], [2, 4], [1, 3], [0, 0]]


def test_nobody_has_no_facts(items):
    nobody = UserFeatures.of(table({name: [] for name in USERS}), items)

    assert len(nobody) == len(nobody.tastes.pairs) == len(nobody.lately.pairs) == 0
    assert nobody.lately_of_pairs(np.zeros(0, np.int64), np.zeros(0, np.str_)).shape == (0, 2)


def test_lists_and_their_counts_must_be_equally_long(items):
    with pytest.raises(ValueError, match="product_types and product_type_counts must be equally long"):
        UserFeatures.of(table({**USERS, "product_type_counts": [[3.0, 1.0], None]}), items)
    with pytest.raises(ValueError, match="lately_items and lately_counts_91d must be equally long"):
        UserFeatures.of(table({**USERS, "lately_counts_91d": [[3.0, 1.0], None]}), items)
    with pytest.raises(ValueError, match="lately_items and lately_counts_28d must be equally long"):
        UserFeatures.of(table({**USERS, "lately_counts_28d": [[3.0, 1.0], [1.0]]}), items)  # as many in all


def test_the_facts_of_a_user_take_no_longer_for_a_large_catalogue():
    names = [f"{number:06d}" for number in range(100_000)]
    catalogue = ItemFeatures.of(
        table({name: [*values, None][:1] * len(names) for name, values in ITEMS.items()} | {"item_id": names})
    )
    one = table({name: values[:1] for name, values in USERS.items()} | {"lately_items": [["000003", "gone", "099999"]]})
    assert UserFeatures.of(one, catalogue).lately_of_pairs(np.zeros(1, np.int64), catalogue.ids[-1:]).tolist() == [
        [0, 4]
    ]
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        UserFeatures.of(one, catalogue)
        taken.append(time.perf_counter() - start)

    assert sorted(taken)[10] < 0.005  # about 0.3 ms alone on a core; to hash all ids takes 10
