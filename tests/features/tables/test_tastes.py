"""Lists of the most frequent categories of a user."""

import pyarrow.parquet as pq
import pytest
from fixtures.feature_tables import bought, day, read, tastes, write

from features.tables.feature_tables import TABLES

CATALOGUE = {
    "cap": ("Hat", "Accessories", "Kids"),
    "beret": ("Hat", "Accessories", "Ladies"),
    "scarf": ("Scarf", "Accessories", None),
    "thing": (None, None, None),
}


def test_categories_are_ordered_by_number_of_purchases_and_then_by_name(tmp_path):
    write(
        tmp_path,
        [
            ("u", "scarf", day(1, hours=9)),
            ("u", "cap", day(2, hours=9)),
            ("u", "cap", day(2, hours=9)),  # at the same moment
            ("u", "beret", day(4)),
            ("u", "scarf", day(9)),
        ],
        items=CATALOGUE,
    )

    assert tastes(tmp_path, "product_types", "product_type_counts") == [
        ("u", day(2), ["Scarf"], [1]),
        ("u", day(3), ["Hat", "Scarf"], [2, 1]),
        ("u", day(5), ["Hat", "Scarf"], [3, 1]),
        ("u", day(10), ["Hat", "Scarf"], [3, 2]),
    ]
    assert tastes(tmp_path, "garment_groups", "garment_group_counts") == [
        ("u", day(2), ["Accessories"], [1]),
        ("u", day(3), ["Accessories"], [3]),
        ("u", day(5), ["Accessories"], [4]),
        ("u", day(10), ["Accessories"], [5]),
    ]
    assert tastes(tmp_path, "departments", "department_counts") == [
        ("u", day(2), [], []),  # the scarf has no department
        ("u", day(3), ["Kids"], [2]),
        ("u", day(5), ["Kids", "Ladies"], [2, 1]),
        ("u", day(10), ["Kids", "Ladies"], [2, 1]),
    ]


def test_equally_frequent_categories_are_in_alphabetical_order(tmp_path):
    items = {name: (name, None, None) for name in ("b", "é", "a", "B", "10", "9", "z")}
    write(tmp_path, [*[("u", item, day(1)) for item in items], ("u", "z", day(1))], items=items)

    assert tastes(tmp_path, "product_types", "product_type_counts") == [
        ("u", day(2), ["z", "10", "9", "B", "a", "b", "é"], [2, 1, 1, 1, 1, 1, 1])
    ]


def test_a_name_of_two_kinds_of_category_is_counted_in_each(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("u", "b", day(1))], items={"a": ("Hat", "Hat", "Kids"), "b": ("Kids",) * 3})

    assert tastes(tmp_path, "product_types", "garment_groups", "departments", "department_counts") == [
        ("u", day(2), ["Hat", "Kids"], ["Hat", "Kids"], ["Kids"], [2])
    ]


@pytest.mark.parametrize("others", [{}, {"cap": CATALOGUE["cap"]}])
def test_purchases_without_categories_give_empty_lists(tmp_path, others):
    write(tmp_path, [("u", "thing", day(1))], items={"thing": CATALOGUE["thing"], **others})

    [row] = read(tmp_path, "user_tastes_daily")
    assert row == {
        "user_id": "u",
        **{f"{kind}s": [] for kind in ("product_type", "garment_group", "department")},
        **{f"{kind}_counts": [] for kind in ("product_type", "garment_group", "department")},
        "event_timestamp": day(2),
        "created_timestamp": day(2),
    }


def test_tastes_are_those_of_the_user(tmp_path):
    write(tmp_path, [("u", "cap", day(1)), ("v", "cap", day(1)), ("v", "scarf", day(1))], users="uv", items=CATALOGUE)

    assert tastes(tmp_path, "product_types", "product_type_counts") == [
        ("u", day(2), ["Hat"], [1]),
        ("v", day(2), ["Hat", "Scarf"], [1, 1]),
    ]


def test_tastes_hold_the_50_most_frequent_categories(tmp_path):
    items = {f"{number:02d}": (f"type {number:02d}", "group", f"department {number:02d}") for number in range(60)}
    purchases = [("u", item, day(1)) for item in items]
    write(tmp_path, [*purchases, ("u", "59", day(1)), ("u", "58", day(1))], items=items)

    [(_, _, types, counts, departments)] = tastes(tmp_path, "product_types", "product_type_counts", "departments")
    assert types == ["type 58", "type 59", *(f"type {number:02d}" for number in range(48))]
    assert counts == [2, 2, *[1] * 48]
    assert departments == [name.replace("type", "department") for name in types]


def test_buckets_of_users_give_the_same_rows(tmp_path, monkeypatch):
    users = [f"u{number}" for number in range(9)]
    purchases = [
        (user, item, day(1 + number % 4)) for number, user in enumerate(users) for item in "abc"[: number % 3 + 1]
    ]
    items = {item: (f"type {item}", "group", None) for item in "abc"}
    write(tmp_path / "one", purchases, users=users, items=items)
    monkeypatch.setattr("features.tables.feature_tables._USERS_PER_BUCKET", 2)
    monkeypatch.setattr("features.tables.feature_tables._USERS_PER_WINDOW", 2)
    write(tmp_path / "several", purchases, users=users, items=items)

    assert len(bought(tmp_path / "one")) == 9
    for table in [name for name in TABLES if name.startswith("user_") and name.endswith("_daily")]:
        several, one = (
            pq.read_table(tmp_path / name / f"{table}.parquet").sort_by(
                [("user_id", "ascending"), ("event_timestamp", "ascending")]
            )
            for name in ("several", "one")
        )
        assert several.num_rows == 9
        assert several.equals(one)
