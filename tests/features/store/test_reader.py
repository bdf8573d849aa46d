"""FeatureReader reads the same columns, types and values from the offline and from the online store."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from features.errors import InputError

HATS, STORE_ONLY, FOR_ADULTS, ANNOUNCED = (f"010877500{number}" for number in (1, 2, 3, 4))
ITEMS = [f"{number:010d}" for number in range(108_775_001, 108_775_025)]
USERS = [f"{number:04d}" for number in range(1, 13)]
# The toy data is of January 2020. Its first item is withdrawn on the 17th; sales of the fourth start on 7 February.
BEFORE = datetime(2020, 1, 16, 23, 59, 59, 999_999, tzinfo=UTC)
WITHDRAWN = datetime(2020, 1, 17, tzinfo=UTC)
END = datetime(2020, 1, 31, tzinfo=UTC)
SECONDS = pa.timestamp("s", tz="UTC")
USER_SCHEMA = pa.schema({"user_id": pa.string(), "age_at_request": pa.float32(), "last_purchase_at": SECONDS})
ITEM_SCHEMA = pa.schema(
    {
        **dict.fromkeys(("item_id", "product_type_name", "department_name", "garment_group_name"), pa.string()),
        **dict.fromkeys(("sales_1d", "sales_7d", "sales_28d", "sales_total"), pa.float32()),
        **dict.fromkeys(("first_purchases_28d", "buyers_total", "mean_price"), pa.float32()),
        "last_sold_at": SECONDS,
        "for_sale": pa.float32(),
        "channels": pa.list_(pa.string()),
        "minimum_age": pa.float32(),
    }
)


def write_raw(folder):
    from features.raw.toy_data import write_toy_data

    write_toy_data(folder, seed=3, users=12, items=24, days=30, availability=True)
    # One user is born after the end of the data. One purchase has a fraction of a second.
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
    return applied_project("availability", write_raw)


@pytest.fixture
def store(project, serve_items_online, tmp_path):
    """The store with an online store of its own, empty at first, for all views."""
    from features.store.registry import open_feature_store

    return serve_items_online(open_feature_store(project.copy_to(tmp_path / "copy").repo))


@pytest.fixture
def fill(store):
    from features.store.materialization import fill_online_store

    return lambda moment: fill_online_store(store, moment, from_scratch=False)


@pytest.fixture
def read(store):
    from features.store.reader import FeatureReader

    def read(source, service, ids, moment):
        return FeatureReader(store, source).read(service, ids, moment)

    return read


@pytest.fixture
def offline_rows(read):
    def offline_rows(ids, moment, *columns):
        table = read("offline", "candidate_items_v1", ids, moment)
        return list(zip(*(table[name].to_pylist() for name in columns), strict=True))

    return offline_rows


def test_availability_is_null_where_the_raw_table_does_not_restrict_it(offline_rows):
    ids = [HATS, STORE_ONLY, FOR_ADULTS, ANNOUNCED, "0108775005", "unknown"]

    assert offline_rows(ids, END, "garment_group_name", "for_sale", "channels", "minimum_age") == [
        ("Hats", 0, None, None),
        ("Shirts", 1, ["store"], None),
        ("Shoes", 1, None, 40),
        ("Trousers", 0, None, None),
        ("Hats", None, None, None),
        (None, None, None, None),
    ]


def test_a_row_holds_from_its_own_timestamp_to_the_microsecond(offline_rows):
    assert offline_rows([HATS], BEFORE, "for_sale") == [(None,)]
    assert offline_rows([HATS], WITHDRAWN, "for_sale") == [(0,)]
    announced = datetime(2020, 2, 7, tzinfo=UTC)
    assert offline_rows([ANNOUNCED], announced - timedelta(microseconds=1), "for_sale") == [(0,)]
    assert offline_rows([ANNOUNCED], announced, "for_sale") == [(1,)]


def test_timestamps_are_read_in_whole_seconds_and_events_of_the_same_day_are_not_seen(offline_rows):
    ids = [STORE_ONLY, ITEMS[-1]]  # the last item is never sold

    [(last,), never] = offline_rows(ids, END, "last_sold_at")
    [(before,), _] = offline_rows(ids, END - timedelta(microseconds=1), "last_sold_at")

    assert (last, never) == (datetime(2020, 1, 30, 23, 59, 59, tzinfo=UTC), (None,))
    assert before < datetime(2020, 1, 30, tzinfo=UTC)


def test_on_demand_features_depend_on_the_moment_of_the_request(read):
    table = read("offline", "filter_users_v1", ["0001", "0002", "0012", "unknown"], END)

    assert table.schema == USER_SCHEMA
    ages = table["age_at_request"].to_pylist()
    assert ages[0] < 0  # born after the request
    assert ages[1] == pytest.approx(30.0, abs=0.001)
    assert ages[3] is None
    assert table["last_purchase_at"].to_pylist()[1:] == [datetime(2020, 1, 30, 23, 59, 59, tzinfo=UTC), None, None]


@pytest.mark.parametrize("moment", [BEFORE, WITHDRAWN, END], ids=str)
def test_both_stores_hold_the_same_values_at_the_moment_of_the_materialization(fill, read, moment):
    fill(moment)

    for service, schema, ids in (
        ("candidate_items_v1", ITEM_SCHEMA, [*ITEMS, "unknown"]),
        ("filter_users_v1", USER_SCHEMA, [*USERS, "unknown"]),
    ):
        online, offline = (read(source, service, ids, moment) for source in ("online", "offline"))
        assert online.schema == offline.schema == schema
        assert online.to_pylist() == offline.to_pylist()
    assert read("online", "candidate_items_v1", ITEMS, moment)["for_sale"].to_pylist().count(0) == (
        1 if moment == BEFORE else 2
    )
    assert read("online", "filter_users_v1", [*USERS, "unknown"], moment)["last_purchase_at"].null_count == 2


def test_rows_with_a_future_timestamp_come_online_when_their_moment_has_come(fill, read):
    later = datetime(2020, 2, 8, tzinfo=UTC)
    fill(END)
    before = read("online", "candidate_items_v1", [ANNOUNCED], END)["for_sale"].to_pylist()
    fill(later)

    assert (before, read("online", "candidate_items_v1", [ANNOUNCED], later)["for_sale"].to_pylist()) == ([0], [1])


@pytest.mark.parametrize("source", ["offline", "online"])
def test_without_ids_there_are_columns_and_no_rows(fill, read, source):
    fill(END)

    for ids in ([], pa.array([], pa.string())):
        assert read(source, "filter_users_v1", ids, END).equals(USER_SCHEMA.empty_table())


def test_many_ids_are_read_in_blocks_and_returned_in_their_order(fill, read):
    fill(END)
    ids = [*(f"x{number}" for number in range(1_500)), STORE_ONLY, HATS]

    table = read("online", "candidate_items_v1", ids, END)

    assert table["item_id"].to_pylist() == ids
    assert table["for_sale"].to_pylist() == [None] * 1_500 + [1, 0]
    assert table["channels"].to_pylist()[-3:] == [None, ["store"], None]


def test_ids_may_be_repeated(fill, read):
    fill(END)

    for source in ("offline", "online"):
        assert read(source, "candidate_items_v1", [HATS, HATS], END)["for_sale"].to_pylist() == [0, 0]


def test_a_service_of_two_entities_is_refused_with_both_keys(store, read):
    from feast import FeatureService

    views = [store.get_feature_view(name) for name in ("item_catalog", "user_profile")]
    store.apply(FeatureService(name="pairs_v1", features=views))

    with pytest.raises(InputError, match="'pairs_v1' describes item_id and user_id"):
        read("offline", "pairs_v1", [HATS], END)


def test_a_service_that_is_not_declared_is_refused_by_name(read):
    with pytest.raises(InputError, match="no feature service 'unknown_v1'"):
        read("online", "unknown_v1", [HATS], END)


def test_rows_with_a_future_timestamp_do_not_move_the_end_of_the_data(store):
    from features.store.data_end import data_end

    assert data_end(store) == END
