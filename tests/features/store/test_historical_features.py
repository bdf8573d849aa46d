"""Point-in-time features equal those that a plain loop over the purchases computes."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from features.errors import InputError
from features.raw.toy_data import group_of_item
from features.schema import ITEM_ID, USER_ID

WITHOUT_PURCHASES = "0200"


@pytest.fixture(scope="module")
def join(toy_store):
    """Join the features of a service to (id, moment) rows."""
    import pyarrow as pa

    from features.store.historical_features import historical_features

    def join(service, rows, store=toy_store):
        key = ITEM_ID if service.startswith("item") else USER_ID
        entities = pa.table(
            {
                key: pa.array([row[0] for row in rows], pa.string()),
                "event_timestamp": pa.array([row[1] for row in rows], pa.timestamp("us", tz="UTC")),
            }
        )
        return historical_features(store, service, entities)

    return join


@pytest.fixture(scope="module")
def purchases(toy_purchases):
    """(user, item, moment, price)."""
    return [
        (user, item, datetime.fromisoformat(f"{moment}+00:00"), float(price))
        for user, item, moment, price in toy_purchases
    ]


def known(purchases, moment):
    """The purchases known at a moment: those before its day."""
    morning = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return morning, [purchase for purchase in purchases if purchase[2] < morning]


def within(days, purchases, morning):
    return [purchase for purchase in purchases if purchase[2] >= morning - timedelta(days=days)]


def newest_first(purchases):
    last = {item: moment for _, item, moment, _ in purchases}
    return sorted(last, key=lambda item: (-last[item].timestamp(), item))


def test_all_rows_are_kept_in_their_order(join, purchases):
    rows = [(user, moment) for user, _, moment, _ in purchases]
    rows = [*rows[1::2], *rows[::2][::-1], rows[7], rows[7], (WITHOUT_PURCHASES, rows[0][1]), ("unknown", rows[0][1])]

    table = join("query_tower_v3", rows)

    assert table.num_rows == len(rows) == 4979
    assert list(zip(table["user_id"].to_pylist(), table["event_timestamp"].to_pylist(), strict=True)) == rows
    assert table.slice(4975, 1).equals(table.slice(4976, 1))


def by_frequency(categories):
    """Categories and their numbers of purchases, the most frequent first, then by name."""
    pairs = sorted(Counter(categories).items(), key=lambda pair: (-pair[1], pair[0]))
    return [category for category, _ in pairs], [number for _, number in pairs]


def test_user_features_equal_those_of_a_loop_over_the_purchases_before_the_day(join, purchases):
    of_user = {f"{number:04d}": [] for number in range(1, 201)}
    for purchase in purchases:
        of_user[purchase[0]].append(purchase)
    rows = [(user, moment) for user, _, moment, _ in purchases[::9]]
    rows += [(user, datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)) for user in of_user]

    services = [join(service, rows).to_pylist() for service in ("ranking_users_v3", "query_tower_v3")]
    table = [{**ranked, **embedded} for ranked, embedded in zip(*services, strict=True)]

    for (user, moment), row in zip(rows, table, strict=True):
        morning, before = known(of_user[user], moment)
        if not before:
            assert {row[name] for name in ("purchases_7d", "mean_price", "recent_items", "product_types")} == {None}
            continue
        month = within(28, before, morning)
        assert row["purchases_7d"] == len(within(7, before, morning))
        assert row["purchases_28d"] == len(month)
        assert row["purchases_total"] == len(before)
        assert row["active_days_total"] == len({purchase[2].date() for purchase in before})
        assert row["mean_price"] == pytest.approx(sum(purchase[3] for purchase in before) / len(before), rel=1e-6)
        items = newest_first(before)
        assert row["recent_items"] == items
        count, last = Counter(purchase[1] for purchase in before), {item: moment for _, item, moment, _ in before}
        assert row["recent_counts"] == [count[item] for item in items]
        assert row["recent_days"] == [(before[-1][2].date() - last[item].date()).days for item in items]
        groups = by_frequency(group_of_item(purchase[1]) for purchase in before)
        assert (row["product_types"], row["product_type_counts"]) == groups
        assert (row["garment_groups"], row["garment_group_counts"]) == groups
        assert (row["departments"], row["department_counts"]) == ([], [])


def test_features_that_no_service_reads_equal_those_of_a_loop(toy_store, purchases):
    import pandas as pd

    rows = [(user, moment) for user, _, moment, _ in purchases[::40]]
    frame = pd.DataFrame({"user_id": [user for user, _ in rows], "event_timestamp": [moment for _, moment in rows]})
    frame["request_timestamp"] = frame["event_timestamp"]
    names = ["user_activity_daily:spend_28d", "user_at_request:days_since_last_purchase"]

    joined = toy_store.get_historical_features(frame, names).to_arrow().to_pylist()

    found = {(row["user_id"], row["event_timestamp"]): row for row in joined}
    for user, moment in rows:
        row = found[user, moment]
        morning, before = known([purchase for purchase in purchases if purchase[0] == user], moment)
        if not before:
            assert row["spend_28d"] is row["days_since_last_purchase"] is None
            continue
        assert row["spend_28d"] == pytest.approx(sum(one[3] for one in within(28, before, morning)), rel=1e-6)
        days = (moment - before[-1][2]).total_seconds() / 86400
        assert row["days_since_last_purchase"] == pytest.approx(days, rel=1e-6)


def test_item_features_equal_those_of_a_loop_over_the_purchases_before_the_day(join, purchases):
    of_item = {}
    for purchase in purchases:
        of_item.setdefault(purchase[1], []).append(purchase)
    rows = [(item, moment) for _, item, moment, _ in purchases[::9]]
    rows += [(item, datetime(2020, 2, 29, tzinfo=UTC)) for item in of_item]

    table = join("item_tower_v3", rows).to_pylist()

    for (item, moment), row in zip(rows, table, strict=True):
        morning, before = known(of_item[item], moment)
        windows = {days: len(within(days, before, morning)) for days in (1, 7, 28)}
        assert (row["sales_1d"] or 0, row["sales_7d"] or 0, row["sales_28d"] or 0) == tuple(windows.values())
        assert row["sales_total"] == (len(before) or None)
        first = list({purchase[0]: purchase for purchase in reversed(before)}.values())
        assert (row["first_purchases_7d"] or 0) == len(within(7, first, morning))
        assert (row["first_purchases_28d"] or 0) == len(within(28, first, morning))
        assert row["buyers_total"] == (len(first) or None)
        if before:
            days = [(moment.date() - before[index][2].date()).days for index in (0, -1)]
            assert [row["days_since_first_sold"], row["days_since_last_sold"]] == days
        else:
            assert row["days_since_first_sold"] is row["days_since_last_sold"] is None
        assert row["garment_group_name"] == row["product_type_name"] is not None


def test_item_features_are_the_same_at_every_moment_of_a_day(join, purchases):
    noon = purchases[2000][2].replace(hour=12)
    moments = [noon.replace(hour=0), noon, noon.replace(hour=23, minute=59, second=59, microsecond=999_999)]

    morning, *later = join("item_tower_v3", [(purchases[0][1], moment) for moment in moments]).to_pylist()

    assert morning["days_since_first_sold"] == (noon.date() - purchases[0][2].date()).days
    assert [{**row, "event_timestamp": moments[0]} for row in later] == [morning, morning]


def test_a_purchase_is_not_among_its_own_features_but_among_those_of_the_next_day(join, purchases):
    first, second = {}, {}
    for user, item, moment, _ in purchases:
        if user not in first:
            first[user] = (item, moment)
        elif moment.date() > first[user][1].date():
            second.setdefault(user, moment)

    at_first = join("query_tower_v3", [(user, moment) for user, (_, moment) in first.items()])
    at_second = join("query_tower_v3", [(user, second[user]) for user in first])

    assert len(first) == 199
    for name in ("recent_items", "purchases_total", "product_types"):
        assert at_first[name].null_count == 199
        assert at_second[name].null_count == 0
    assert [items[-1] for items in at_second["recent_items"].to_pylist()] == [item for item, _ in first.values()]


def test_users_without_history_get_nulls_and_the_month_of_the_request(join):
    rows = [(WITHOUT_PURCHASES, datetime(2020, 2, 10, tzinfo=UTC)), ("unknown", datetime(2020, 2, 10, tzinfo=UTC))]

    _, unknown = join("query_tower_v1", rows).to_pylist()
    activity = join("query_tower_v3", rows).drop_columns(["user_id", "event_timestamp"]).to_pylist()

    assert unknown["age_at_request"] is None
    assert unknown["month_sin"] == pytest.approx(3**0.5 / 2)
    assert unknown["month_cos"] == pytest.approx(0.5)
    assert {value for row in activity for value in row.values()} == {None}


def test_age_follows_the_birth_date_and_without_one_the_stated_age(join):
    leap_day, before = datetime(2020, 2, 29, tzinfo=UTC), datetime(2020, 2, 28, 23, 59, 59, tzinfo=UTC)
    new_year = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [("0007", leap_day), ("0007", before), ("0007", new_year), ("0001", leap_day), ("0001", new_year)]

    ages = [row["age_at_request"] for row in join("query_tower_v1", rows).to_pylist()]

    assert ages[0] == 40  # born on 1980-02-29: from the beginning of the birthday on
    assert 39.99 < ages[1] < 40
    assert ages[2] == pytest.approx(40 - (31 + 28) / 372)
    assert ages[3] == ages[4]


def test_columns_have_the_order_and_the_types_of_the_schema(join, toy_store):
    from features.store.registry import service_schema

    for service, key in (("query_tower_v3", USER_ID), ("item_tower_v3", ITEM_ID), ("candidate_sources_v2", USER_ID)):
        schema = service_schema(toy_store, service, key)
        for rows in ([("x", datetime(2020, 1, 5, tzinfo=UTC))], []):
            table = join(service, rows)
            assert table.num_rows == len(rows)
            assert table.column_names == [key, "event_timestamp", *(column.name for column in schema.columns)]
            assert [field.type for field in table.schema][2:] == [column.arrow_type for column in schema.columns]


def test_rows_joined_from_file_to_file_are_the_same_with_all_other_columns(toy_store, purchases, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.parquet_rows import ParquetRows
    from features.store.historical_features import historical_features, write_historical_features

    entities = pa.table(
        {
            "user_id": pa.array([user for user, *_ in purchases]),
            "number": pa.array(range(len(purchases)), pa.int32()),
            "event_timestamp": pa.array([moment for _, _, moment, _ in purchases], pa.timestamp("us", tz="UTC")),
        }
    )
    pq.write_table(entities, tmp_path / "entities.parquet")
    done = []

    rows = write_historical_features(
        toy_store,
        "query_tower_v3",
        ParquetRows((tmp_path / "entities.parquet",)),
        tmp_path / "joined.parquet",
        done.append,
    )

    table = historical_features(toy_store, "query_tower_v3", entities)
    assert sum(done) == rows.num_rows == len(purchases)
    assert rows.table().combine_chunks().equals(table.combine_chunks())
    assert table.column_names[:3] == ["user_id", "number", "event_timestamp"]
    assert table.select([0, 1, 2]).equals(entities)


@pytest.mark.parametrize("other", ["duckdb", "file"])
def test_feasts_own_offline_stores_join_the_same_rows(join, toy, tmp_path, purchases, other):
    from features.store.registry import open_feature_store

    rows = [(user, moment) for user, _, moment, _ in purchases[1000::50]]  # all users have purchases by then
    if other == "file":
        known = join("candidate_sources_v2", rows)["bought_items"].to_pylist()
        rows = [row for row, items in zip(rows, known, strict=True) if items]

    for service in ("candidate_sources_v2", "query_tower_v3"):
        joined = join(service, rows, open_feature_store(with_offline_store(toy, tmp_path / service, other).repo))
        assert joined.combine_chunks().equals(join(service, rows).combine_chunks())


def with_offline_store(toy, folder, kind):
    """A copy of the toy project with another offline store."""
    copy = toy.copy_to(folder)
    settings = copy.repo / "feature_store.yaml"
    text = settings.read_text(encoding="utf-8")
    text, count = re.subn(r"(offline_store:\n) +type: \S+\n( +\S+: \S+\n)*", rf"\1  type: {kind}\n", text)
    assert count == 1
    settings.write_text(text, encoding="utf-8")
    return copy


def test_an_offline_store_that_loses_rows_is_refused_with_the_service(join, toy, tmp_path, purchases):
    from features.store.registry import open_feature_store

    copy = with_offline_store(toy, tmp_path / "dask", "file")
    first = {user: (user, moment) for user, _, moment, _ in reversed(purchases)}

    with pytest.raises(InputError, match="rows for 199 entity rows of feature service 'candidate_sources_v2'"):
        join("candidate_sources_v2", list(first.values()), open_feature_store(copy.repo))


def test_an_offline_store_that_cannot_hide_late_rows_is_refused_by_name(join, toy_store, purchases, monkeypatch):
    from features.asof_store.store import AsOfOfflineStore

    monkeypatch.setattr(AsOfOfflineStore, "supports_filter_by_created_timestamp", False)

    with pytest.raises(InputError, match="AsOfOfflineStore' cannot hide rows that were created after"):
        join("query_tower_v3", [(purchases[0][0], purchases[0][2])])


def test_a_retrieval_without_entity_rows_is_refused(toy_store):
    with pytest.raises(InputError, match="does not retrieve by start_date and end_date"):
        toy_store.get_historical_features(
            features=toy_store.get_feature_service("candidate_items_v1"), start_date=datetime(2020, 1, 1, tzinfo=UTC)
        ).to_arrow()


def test_columns_of_a_source_table_are_read_under_the_names_that_feast_maps_them_to(toy_store, tmp_path, monkeypatch):
    import copy

    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.store.source_tables import read_source, write_source

    view = copy.deepcopy(toy_store.get_feature_view("item_sales_daily"))
    timestamps = pa.array([datetime(2020, 1, 2, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))
    pq.write_table(
        pa.table({"article": ["a"], "week": [3], "at": timestamps, "made": timestamps}), tmp_path / "own.parquet"
    )
    view.batch_source.file_options.uri = str(tmp_path / "own.parquet")
    view.batch_source.field_mapping = {
        "article": "item_id", "week": "sales_7d", "at": "event_timestamp", "made": "created_timestamp"
    }  # fmt: skip
    monkeypatch.setattr(toy_store, "get_feature_view", lambda _: view)
    end = datetime(2020, 3, 1, tzinfo=UTC)

    expected = {
        "item_id": "a",
        "sales_7d": 3,
        "event_timestamp": timestamps[0].as_py(),
        "created_timestamp": timestamps[0].as_py(),
    }
    for latest in (False, True):
        rows = read_source(toy_store, "item_sales_daily", ["sales_7d"], known_at=end, latest=latest)
        assert rows.to_pylist() == [expected]
    path = write_source(toy_store, "item_sales_daily", ["sales_7d"], tmp_path / "out.parquet", known_at=end)
    assert pq.read_table(path).to_pylist() == [expected]
