"""What filters are told of users and goods at a moment, the same from both stores."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from features.store.filter_facts import goods_at, online_goods, online_users, users_at

HATS, STORE_ONLY, FOR_ADULTS, ANNOUNCED = (f"010877500{number}" for number in (1, 2, 3, 4))
ITEMS = [f"{number:010d}" for number in range(108_775_001, 108_775_025)]
USERS = [f"{number:04d}" for number in range(1, 13)]
# The world is of January 2020; its first item is withdrawn on the 17th, and the announced one comes on 7 February.
BEFORE = datetime(2020, 1, 16, 23, 59, 59, 999_999, tzinfo=UTC)
WITHDRAWN = datetime(2020, 1, 17, tzinfo=UTC)
END = datetime(2020, 1, 31, tzinfo=UTC)
STAMP = pa.timestamp("us", tz="UTC")
USER_COLUMNS = pa.schema({"age": pa.float32(), "last_purchase_at": STAMP})
ITEM_COLUMNS = pa.schema(
    {
        "department_name": pa.string(),
        "garment_group_name": pa.string(),
        "last_sold_at": STAMP,
        "for_sale": pa.bool_(),
        "channels": pa.list_(pa.string()),
        "minimum_age": pa.float32(),
    }
)


def write_raw(folder):
    from features.raw.toy_data import write_toy_data

    write_toy_data(folder, seed=3, users=12, items=24, days=30, availability=True)
    # Ages that cannot be: one is born after the data's end. And one purchase has a fraction of a second.
    lines = (folder / "customers.csv").read_text(encoding="utf-8").splitlines()
    fields = lines[1].split(",")
    lines[1] = ",".join([*fields[:1], "", "2031-05-01", *fields[3:]])
    fields = lines[2].split(",")
    lines[2] = ",".join([*fields[:1], "", "1990-01-31", *fields[3:]])
    (folder / "customers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (folder / "transactions_train.csv").open("a", encoding="utf-8") as text:
        text.write(f"2020-01-30 23:59:59.999999,0002,{STORE_ONLY},0.01,1\n")


@pytest.fixture(scope="module")
def project(applied_project):
    return applied_project("goods", write_raw)


@pytest.fixture
def store(project, tmp_path):
    """The store with an online store of its own, empty at first."""
    from features.store.registry import open_feature_store

    return open_feature_store(project.copy_to(tmp_path / "copy").repo)


@pytest.fixture
def fill(store):
    from features.store.materialization import fill_online_store

    return lambda moment: fill_online_store(store, moment, from_scratch=False)


def item_context(store, items, moment, *columns):
    table = goods_at(store, pa.array(items, pa.string()), moment)
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def test_goods_are_for_sale_to_everybody_everywhere_unless_it_is_said_otherwise(store):
    asked = [HATS, STORE_ONLY, FOR_ADULTS, ANNOUNCED, "0108775005", "unheard of"]

    assert item_context(store, asked, END, "garment_group_name", "for_sale", "channels", "minimum_age") == [
        ("Hats", False, None, 0.0),
        ("Shirts", True, ["store"], 0.0),
        ("Shoes", True, None, 40.0),
        ("Trousers", False, None, 0.0),
        ("Hats", True, None, 0.0),
        (None, True, None, 0.0),
    ]


def test_a_sale_ends_and_begins_at_its_moment_to_the_microsecond(store):
    assert item_context(store, [HATS], BEFORE, "for_sale") == [(True,)]
    assert item_context(store, [HATS], WITHDRAWN, "for_sale") == [(False,)]
    announced = datetime(2020, 2, 7, tzinfo=UTC)
    assert item_context(store, [ANNOUNCED], announced - timedelta(microseconds=1), "for_sale") == [(False,)]
    assert item_context(store, [ANNOUNCED], announced, "for_sale") == [(True,)]


def test_the_last_sale_is_one_before_the_morning_in_whole_seconds_and_missing_if_there_was_none(store):
    asked = [STORE_ONLY, ITEMS[-1]]  # nobody buys the last item

    [(last,), never] = item_context(store, asked, END, "last_sold_at")
    [(before,), _] = item_context(store, asked, END - timedelta(microseconds=1), "last_sold_at")

    assert (last, never) == (datetime(2020, 1, 30, 23, 59, 59, tzinfo=UTC), (None,))
    assert before < datetime(2020, 1, 30, tzinfo=UTC)


def test_users_have_an_age_at_the_moment_and_a_last_purchase(store):
    table = users_at(store, pa.array(["0001", "0002", "0012", "nobody"]), END)

    assert table.schema == USER_COLUMNS
    assert table["age"][0].as_py() is None  # born after the moment: a mistake
    assert table["age"][1].as_py() == pytest.approx(30.0, abs=0.001)
    assert table["age"][3].as_py() is None
    assert table["last_purchase_at"].to_pylist()[1:] == [datetime(2020, 1, 30, 23, 59, 59, tzinfo=UTC), None, None]


@pytest.mark.parametrize("moment", [BEFORE, WITHDRAWN, END], ids=str)
def test_both_stores_tell_the_same_at_a_moment(store, fill, moment):
    fill(moment)
    users, items = [*USERS, "nobody"], [*ITEMS, "unheard of"]

    online, offline = online_goods(store, items, moment), goods_at(store, pa.array(items), moment)
    assert online.schema == offline.schema == ITEM_COLUMNS
    assert online.to_pylist() == offline.to_pylist()
    assert offline["for_sale"].to_pylist().count(False) == (1 if moment == BEFORE else 2)

    online, offline = online_users(store, users, moment), users_at(store, pa.array(users), moment)
    assert online.schema == offline.schema == USER_COLUMNS
    assert online.to_pylist() == offline.to_pylist()
    assert offline["last_purchase_at"].null_count == 2  # who never buys, and nobody


def test_what_is_planned_for_later_comes_online_when_its_moment_has_come(store, fill):
    later = datetime(2020, 2, 8, tzinfo=UTC)
    fill(END)
    before = online_goods(store, [ANNOUNCED], END)["for_sale"].to_pylist()
    fill(later)

    assert (before, online_goods(store, [ANNOUNCED], later)["for_sale"].to_pylist()) == ([False], [True])


def test_nobody_and_nothing_have_columns_and_no_rows(store, fill):
    fill(END)
    nobody = pa.array([], pa.string())

    for table in (users_at(store, nobody, END), online_users(store, [], END)):
        assert (table.schema, table.num_rows) == (USER_COLUMNS, 0)
    for table in (goods_at(store, nobody, END), online_goods(store, [], END)):
        assert (table.schema, table.num_rows) == (ITEM_COLUMNS, 0)


def test_many_ids_are_read_in_parts_and_told_in_their_order(store, fill):
    fill(END)
    asked = [*(f"x{number}" for number in range(1_500)), STORE_ONLY, HATS]

    table = online_goods(store, asked, END)

    assert table.num_rows == 1_502
    assert table["for_sale"].to_pylist() == [True] * 1_501 + [False]
    assert table["channels"].to_pylist()[-3:] == [None, ["store"], None]


def test_plans_do_not_move_the_end_of_the_data(store):
    from features.store.data_end import data_end

    assert data_end(store) == END
