"""The as-of store against a row-by-row oracle, against Feast's own DuckDB store, and by example."""

import datetime as dt
import itertools
import random
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureView, Field, FileSource, RepoConfig, RequestSource, ValueType
from feast.data_format import ParquetFormat
from feast.errors import EntityTimestampInferenceException, SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64, String
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.asof_store.store import AsOfOfflineStore
from features.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:fetch_arrow_table", "ignore:On demand feature view", "ignore:.*typeguard"
)

UTC_US = pa.timestamp("us", tz="UTC")
UTC_NS = pa.timestamp("ns", tz="UTC")
DAY, MICROSECOND = 86_400_000_000_000, 1_000  # in nanoseconds, like every number of time in this file
FIRST_DAY = 18_262 * DAY  # 2020-01-01

USER = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
ITEM = Entity(name="item", join_keys=["item_id"], value_type=ValueType.INT64)


class OnDemandViews:
    """As much of a registry as a retrieval asks for."""

    def __init__(self, *views):
        self.views = views

    def list_on_demand_feature_views(self, project, allow_cache):  # noqa: ARG002
        return list(self.views)


def config_at(repo, store="features.asof_store.store.AsOfOfflineStore", **settings):
    config = RepoConfig(
        project="test",
        provider="local",
        registry=str(repo / "registry.db"),
        offline_store={"type": store, **settings},
        entity_key_serialization_version=3,
    )
    config.repo_path = repo
    return config


def view_of(path, *, name="view", entities=(USER,), features=("value",), ttl=None, created="created", **source):
    keys = [
        Field(name=entity.join_key, dtype=String if entity.value_type == ValueType.STRING else Int64)
        for entity in entities
    ]
    return FeatureView(
        name=name,
        entities=list(entities),
        ttl=ttl,
        schema=[*keys, *(Field(name=feature, dtype=Int64) for feature in features)],
        source=FileSource(
            name=f"{name}_source",
            path=str(path),
            timestamp_field=source.pop("timestamp_field", "stamp"),
            created_timestamp_column=created,
            **source,
        ),
    )


def ask(store, config, views, entities, refs=None, *, registry=None, full=False, cut_off=False):
    refs = refs or [f"{v.projection.name_to_use()}:{f.name}" for v in views for f in v.projection.features]
    return store.get_historical_features(
        config, views, refs, entities, registry or OnDemandViews(), "test", full, filter_by_created_timestamp=cut_off
    )


def moments(days, kind=UTC_US):
    """A column of moments, given in days since 2020-01-01 UTC, or as None."""
    numbers = [None if day is None else FIRST_DAY + round(day * DAY) for day in days]
    return pa.array(numbers, pa.int64()).cast(UTC_NS).cast(kind)


def write_history(path, users, days, values, created=None, **more):
    table = pa.table(
        {
            "user_id": pa.array(users, pa.string()),
            "stamp": moments(days),
            "created": moments(created or days),
            "value": pa.array(values, pa.int64()),
            **more,
        }
    )
    pq.write_table(table, path)
    return path


def entities_at(users, days, **more):
    return pa.table({"user_id": pa.array(users, pa.string()), "event_timestamp": moments(days), **more})


def values_of(job, name="value"):
    return job.to_arrow()[name].to_pylist()


# ---------------------------------------------------------------------------------------------- the oracle


def oracle(entity, history, *, keys, ttl, cut_off):
    """The value that Feast's documentation promises for one entity row, found by looking at every row of the history.

    The latest row of the same keys that is not after the entity row's moment, nor older than ttl (both edges belong
    to it; ttl 0 or none is for ever), nor, with the cut-off, created after that moment. Of rows with equal event
    timestamps the one created last. What Feast leaves open: of those, the last one in the file.
    """
    asked = entity["event_timestamp"]
    seen = []
    for position, row in enumerate(history):
        if any(row[key] is None or row[key] != entity[key] for key in keys):
            continue
        if asked is None or row["stamp"] is None or row["stamp"] > asked:
            continue
        if ttl and asked - row["stamp"] > ttl:
            continue
        if cut_off and (row["created"] is None or row["created"] > asked):
            continue
        created = -np.inf if row["created"] is None else row["created"]
        seen.append((row["stamp"], created, position, row["value"]))
    return max(seen)[-1] if seen else None


USERS = ("1", "1", "1", "01", None)  # few, and few moments, so that rows meet
ITEMS = (1, 1, 2, None)


@st.composite
def worlds(draw, *, fine=True):
    """A history, entity rows and settings. With `fine` some stamps fall between two microseconds.

    Hypothesis chooses sizes and settings, and shrinks them. The rows come from a seed: left to itself Hypothesis
    prefers rows that have nothing to do with each other.
    """
    history_is_fine, entities_are_fine = fine and draw(st.booleans()), fine and draw(st.booleans())
    ttl = draw(st.sampled_from([0, DAY, 2 * DAY, DAY + MICROSECOND, DAY - MICROSECOND]))
    rows, asked = draw(st.integers(0, 16)), draw(st.integers(1, 12))
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311
    days = chance.sample(range(5), chance.randint(1, 3))

    def moment(edges, *, is_fine):
        near = chance.choice([0, 0, 0, -1, 1]) * (1 if is_fine else MICROSECOND)
        return FIRST_DAY + chance.choice(days) * DAY + chance.choice(edges) + near

    def stamp():
        return moment([0], is_fine=history_is_fine) if chance.random() < 0.95 else None

    history = [
        {
            "user_id": chance.choice(USERS),
            "item_id": chance.choice(ITEMS),
            "stamp": stamp(),
            "created": stamp(),
            "value": number if chance.random() < 0.9 else None,
        }
        for number in range(rows)
    ]
    entities = [
        {
            "user_id": chance.choice(USERS),
            "item_id": chance.choice(ITEMS),
            "event_timestamp": moment([0, ttl, DAY], is_fine=entities_are_fine),
            "label": number,
        }
        for number in range(asked)
    ]
    if draw(st.booleans()):  # everybody at one moment
        entities = [{**entity, "event_timestamp": entities[0]["event_timestamp"]} for entity in entities]
    entities += entities[: draw(st.integers(0, 2))]
    return {
        "history": history,
        "entities": entities,
        "ttl": ttl,
        "cut_off": draw(st.booleans()),
        "history_kind": UTC_NS if history_is_fine else draw(st.sampled_from([UTC_US, UTC_NS, pa.timestamp("us")])),
        "entity_kind": UTC_NS
        if entities_are_fine
        else draw(st.sampled_from([UTC_US, UTC_NS, pa.timestamp("us"), pa.timestamp("us", tz="Asia/Kolkata")])),
        "handed_over_as": draw(st.sampled_from(["arrow", "frame", "query"])),
        "two_keys": draw(st.booleans()),
    }


def table_of(rows, kinds):
    def column(name, kind):
        values = [row[name] for row in rows]
        if not pa.types.is_timestamp(kind):
            return pa.array(values, kind)
        return pa.array(values, pa.int64()).cast(pa.timestamp("ns", tz=kind.tz)).cast(kind)

    return pa.table({name: column(name, kind) for name, kind in kinds.items()})


def play(world, store, folder, store_name="features.asof_store.store.AsOfOfflineStore"):
    """Ask a store for everything in a world: what it gave, and what it was asked."""
    kind = world["history_kind"]
    history = table_of(
        world["history"],
        {"user_id": pa.string(), "item_id": pa.int64(), "stamp": kind, "created": kind, "value": pa.int64()},
    )
    pq.write_table(history, folder / "history.parquet")
    table = table_of(
        world["entities"],
        {"label": pa.int64(), "item_id": pa.int64(), "event_timestamp": world["entity_kind"], "user_id": pa.string()},
    )
    entities = table
    if world["handed_over_as"] == "frame":
        entities = table.to_pandas()
    elif world["handed_over_as"] == "query":
        pq.write_table(table, folder / "entities.parquet")
        entities = f"SELECT * FROM read_parquet('{folder / 'entities.parquet'}')"
    view = view_of(
        folder / "history.parquet",
        entities=(USER, ITEM) if world["two_keys"] else (USER,),
        ttl=dt.timedelta(microseconds=world["ttl"] / MICROSECOND),
    )
    return ask(store, config_at(folder, store_name), [view], entities, cut_off=world["cut_off"]), table


def expected(world):
    keys = ["user_id", "item_id"] if world["two_keys"] else ["user_id"]
    settings_ = {"keys": keys, "ttl": world["ttl"], "cut_off": world["cut_off"]}
    return [oracle(entity, world["history"], **settings_) for entity in world["entities"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("worlds")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds())
def test_every_row_gets_what_the_documentation_promises_and_comes_back_as_it_went_in(world, folder):
    job, entities = play(world, AsOfOfflineStore, folder)
    answer = job.to_arrow()

    assert answer["value"].to_pylist() == expected(world)
    if world["handed_over_as"] == "arrow":
        assert answer.drop(["value"]).equals(entities)
    else:
        assert answer["label"].to_pylist() == entities["label"].to_pylist()
    assert pa.Table.from_batches(job.to_arrow_batches(3)).equals(answer.combine_chunks())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(fine=False))
def test_feasts_own_duckdb_store_gives_the_same_where_it_is_right(world, folder):
    # It leaves open which of several rows with the same stamps counts, and docs/feast-differences.md tells the rest.
    told = {}
    for row in world["history"]:
        told.setdefault((row["user_id"], row["item_id"] if world["two_keys"] else 0, row["stamp"], row["created"]), row)
    world |= {"history": list(told.values()), "handed_over_as": "frame", "history_kind": UTC_US, "entity_kind": UTC_NS}
    world["ttl"] -= world["ttl"] % DAY

    feast, _ = play(world, DuckDBOfflineStore, folder, "duckdb")
    theirs = feast.to_df().sort_values(["label", "event_timestamp"])["value"]
    ours, _ = play(world, AsOfOfflineStore, folder)

    assert pd.array(theirs, "Int64").equals(pd.array(ours.to_df().sort_values("label")["value"], "Int64"))


# ------------------------------------------------------------------------------------------------ by example


@pytest.fixture
def repo(tmp_path):
    return tmp_path


@pytest.fixture
def config(repo):
    return config_at(repo)


@pytest.fixture
def history(repo):
    """User a has value 1 from day 0 and 2 from day 1 on, user b has 3 from day 0 on."""
    return write_history(repo / "history.parquet", ["a", "a", "b"], [0, 1, 0], [1, 2, 3])


def test_feast_finds_the_store_by_its_import_path(config):
    assert isinstance(get_offline_store_from_config(config.offline_store), AsOfOfflineStore)
    assert AsOfOfflineStore.supports_filter_by_created_timestamp


def test_a_value_is_seen_from_its_own_moment_on(config, history):
    entities = entities_at(["a", "a", "a", "a", "b"], [-1, 0, 0.99, 1, 9])

    assert values_of(ask(AsOfOfflineStore, config, [view_of(history)], entities)) == [None, 1, 1, 2, 3]


def test_a_value_is_seen_until_its_ttl_is_over_the_last_moment_included(config, history):
    view = view_of(history, ttl=dt.timedelta(days=1, hours=12))
    edge = 1 + 1.5
    just_after = edge + MICROSECOND / DAY

    assert values_of(ask(AsOfOfflineStore, config, [view], entities_at(["a", "a"], [edge, just_after]))) == [2, None]


def test_an_expired_value_does_not_bring_back_an_older_one(config, repo):
    path = write_history(repo / "h.parquet", ["a", "a"], [0, 1], [1, 2], created=[0, 9])
    view = view_of(path, ttl=dt.timedelta(days=5))

    assert values_of(ask(AsOfOfflineStore, config, [view], entities_at(["a"] * 3, [5, 6, 9]), cut_off=True)) == [
        1,  # 2 is not created yet
        None,  # nor now, and 1 has expired
        None,  # 2 has expired when it is created
    ]


def test_rows_without_any_history_stay_with_nulls(config, history):
    entities = entities_at(["nobody", None, "a"], [1, 1, None], label=[1, 2, 3])
    answer = ask(AsOfOfflineStore, config, [view_of(history)], entities).to_arrow()

    assert answer["value"].to_pylist() == [None, None, None]
    assert answer["label"].to_pylist() == [1, 2, 3]


def test_null_keys_in_the_history_match_nothing(config, repo):
    path = write_history(repo / "h.parquet", [None, "a"], [0, 0], [1, 2])

    assert values_of(ask(AsOfOfflineStore, config, [view_of(path)], entities_at([None, "a"], [1, 1]))) == [None, 2]


def test_of_equal_stamps_the_row_created_last_counts_and_of_those_the_last_in_the_file(config, repo):
    path = write_history(repo / "h.parquet", list("aaabb"), [0] * 5, [1, 2, 3, 4, 5], created=[0, 2, 1, None, None])

    assert values_of(ask(AsOfOfflineStore, config, [view_of(path)], entities_at(["a", "b"], [9, 9]))) == [2, 5]


@pytest.mark.parametrize("others", [[], [-1]], ids=["one moment", "two moments"])
@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize("kind", [UTC_US, UTC_NS])
@pytest.mark.parametrize(
    ("users", "days", "created", "values"),
    [
        (["a", "b"], [0, 1], [0, 1], [1, 2]),  # one row a key
        (["a", "b", "a"], [0, 1, 2], [0, 1, 2], [3, 2]),  # several, at different moments
        (["a", "b", "a"], [0, 1, 0], [1, 1, 0], [1, 2]),  # two at the same moment
        (["a", "b", "a"], [1, 1, 0], [1, 3, 2], [1, 2]),  # created late
    ],
)
def test_the_answer_is_right_however_the_history_lets_the_join_be_done(
    config, repo, users, days, created, values, kind, cut_off, others
):
    path = repo / "h.parquet"
    write_history(path, users, days, range(1, len(users) + 1), created=created)
    table = pq.read_table(path)
    stamps = {name: table[name].cast(kind) for name in ("stamp", "created")}
    pq.write_table(pa.table({**{name: table[name] for name in table.column_names}, **stamps}), path)
    entities = entities_at(["b", "nobody", "a", None, *["a" for _ in others]], [9, 9, 9, 9, *others])

    job = ask(AsOfOfflineStore, config, [view_of(path)], entities, cut_off=cut_off)
    assert values_of(job) == [values[1], None, values[0], None, *[None for _ in others]]


def test_with_the_cut_off_a_correction_is_seen_once_it_was_made_and_never_before(config, repo):
    # Day 0 said 1; on day 3 this was corrected to 10; day 1 said 2, but that came in on day 5 only.
    path = write_history(repo / "h.parquet", ["a"] * 4, [0, 0, 1, 2], [1, 10, 2, 7], created=[0, 3, 5, None])
    entities = entities_at(["a"] * 4, [2, 3, 4, 5])

    assert values_of(ask(AsOfOfflineStore, config, [view_of(path)], entities, cut_off=True)) == [1, 10, 10, 2]
    assert values_of(ask(AsOfOfflineStore, config, [view_of(path)], entities)) == [7, 7, 7, 7]


def test_the_cut_off_leaves_views_without_created_timestamp_alone(config, history):
    view = view_of(history, created="")

    assert values_of(ask(AsOfOfflineStore, config, [view], entities_at(["a"], [1]), cut_off=True)) == [2]


def test_every_kind_of_moment_is_understood_and_a_moment_without_zone_is_utc(config, history):
    moment = dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC)
    kinds = {
        "aware": [moment],
        "berlin": [moment.astimezone(ZoneInfo("Europe/Berlin"))],
        "naive": [moment.replace(tzinfo=None)],
        "text": ["2020-01-02T04:00:00+01:00"],
        "naive text": ["2020-01-02 03:00:00"],
        "date": [dt.date(2020, 1, 2)],
        "seconds": pd.array([moment.replace(tzinfo=None)], "datetime64[s]"),
        "nanoseconds": pd.array([moment], "datetime64[ns, UTC]"),
    }
    for kind, column in kinds.items():
        frame = pd.DataFrame({"user_id": ["a"], "event_timestamp": column})
        before = frame.copy()
        jobs = [
            ask(AsOfOfflineStore, config, [view_of(history)], entities)
            for entities in (frame, pa.Table.from_pandas(frame, preserve_index=False))
        ]
        assert [values_of(job) for job in jobs] == [[2], [2]], kind
        assert jobs[0].metadata.min_event_timestamp.date() == dt.date(2020, 1, 2), kind
        pd.testing.assert_frame_equal(frame, before)


def test_a_moment_between_two_microseconds_is_not_rounded_into_the_future(config, repo):
    stamps = pa.array([FIRST_DAY + 1_600], pa.int64()).cast(UTC_NS)
    pq.write_table(pa.table({"user_id": ["a"], "stamp": stamps, "created": stamps, "value": [1]}), repo / "h.parquet")
    moments_ = pa.array([FIRST_DAY + 1_000, FIRST_DAY + 1_599, FIRST_DAY + 1_600, FIRST_DAY + 2_000]).cast(UTC_NS)
    entities = pa.table({"user_id": ["a"] * 4, "event_timestamp": moments_})

    assert values_of(ask(AsOfOfflineStore, config, [view_of(repo / "h.parquet")], entities)) == [None, None, 1, 1]


def test_the_only_timestamp_column_is_the_event_timestamp_whatever_its_name(config, history):
    entities = entities_at(["a"], [1]).rename_columns(["user_id", "stamp"])  # also the name of the source's own

    for handed_over in (entities, entities.to_pandas()):
        assert values_of(ask(AsOfOfflineStore, config, [view_of(history)], handed_over)) == [2]
    with pytest.raises(EntityTimestampInferenceException):
        ask(AsOfOfflineStore, config, [view_of(history)], entities.append_column("other", entities["stamp"]))


def test_entity_columns_come_back_unchanged_and_in_order(config, history):
    entities = pa.table(
        {
            "row": [7, 8],  # a name that the store uses itself
            "event_timestamp": moments([1, 0], pa.timestamp("ns", tz="Europe/Berlin")),
            'say "hi"; --': pa.array(["x", None]).dictionary_encode(),
            "user_id": pa.array(["a", "a"], pa.large_string()),
            "nested": [{"a": [1]}, None],
        }
    )
    answer = ask(AsOfOfflineStore, config, [view_of(history)], entities).to_arrow()

    assert answer.drop(["value"]).equals(entities)
    assert answer["value"].to_pylist() == [2, 1]


def test_a_query_gives_its_rows_in_its_own_order(config, history):
    query = "SELECT user_id, day::VARCHAR AS event_timestamp, n FROM (VALUES ('b', DATE '2020-01-05', 1), "
    query += "('a', '2020-01-01', 2), ('a', '2020-01-02', 3)) AS t(user_id, day, n) ORDER BY n DESC; -- done"
    answer = ask(AsOfOfflineStore, config, [view_of(history)], query).to_arrow()

    assert answer.select(["user_id", "n", "value"]).to_pylist() == [
        {"user_id": "a", "n": 3, "value": 2},
        {"user_id": "a", "n": 2, "value": 1},
        {"user_id": "b", "n": 1, "value": 3},
    ]
    assert answer.schema.field("event_timestamp").type == UTC_US


def test_names_of_columns_are_quoted(config, repo):
    odd = 'v"; DROP TABLE x; --'
    path = write_history(repo / "it's.parquet", ["a"], [0], [1], **{odd: pa.array([5])})
    view = view_of(path, features=(odd,))

    assert values_of(ask(AsOfOfflineStore, config, [view], entities_at(["a"], [1]), [f"view:{odd}"]), odd) == [5]


def test_columns_may_have_the_names_that_the_store_uses_itself(config, repo):
    names = ("moment", "created", "file", "line", "seen", "key", "number", "row", "k0", "f0", "e0", "p", "h", "rows")
    columns = {name: pa.array([number]) for number, name in enumerate(names)}
    path = repo / "h.parquet"
    pq.write_table(pa.table({"user_id": ["a"], "stamp": moments([0]), **columns}), path)
    views = [view_of(path, features=names, created=""), view_of(path, name="again", features=names, created="")]
    entities = pa.table({"user_id": ["a"], "moment": moments([1]), **columns}).drop(["moment"])
    entities = entities.append_column("moment", moments([1]))
    answer = ask(AsOfOfflineStore, config, views, entities, full=True).to_arrow()

    assert [answer[f"{view}__{name}"].to_pylist() for view in ("view", "again") for name in names] == [
        [number] for number in range(len(names))
    ] * 2


def test_fields_can_be_mapped_the_timestamps_too(config, history):
    view = view_of(
        history,
        features=("score",),
        field_mapping={"value": "score", "stamp": "when", "user_id": "uid", "absent": "nothing"},
        timestamp_field="when",
        entities=(Entity(name="user", join_keys=["uid"], value_type=ValueType.STRING),),
    )
    entities = entities_at(["a"], [1]).rename_columns(["uid", "event_timestamp"])

    assert values_of(ask(AsOfOfflineStore, config, [view], entities), "score") == [2]


def test_one_view_is_joined_twice_under_aliases(config, history):
    buyer = view_of(history).with_name("buyer").with_join_key_map({"user_id": "buyer_id"})
    seller = view_of(history).with_name("seller").with_join_key_map({"user_id": "seller_id"})
    entities = pa.table({"buyer_id": ["a", "b"], "seller_id": ["b", "a"], "event_timestamp": moments([0, 1])})
    answer = ask(AsOfOfflineStore, config, [buyer, seller], entities, full=True).to_arrow()

    assert answer.select(["buyer__value", "seller__value"]).to_pydict() == {
        "buyer__value": [1, 3],
        "seller__value": [3, 2],
    }


def test_a_key_that_an_alias_does_not_rename_still_counts(config, repo):
    path = write_history(repo / "h.parquet", ["a", "a"], [0, 1], [1, 2], item_id=pa.array([10, 20]))
    view = view_of(path, entities=(USER, ITEM)).with_join_key_map({"user_id": "buyer_id"})
    entities = pa.table({"buyer_id": ["a"], "item_id": [10], "event_timestamp": moments([9])})

    assert values_of(ask(AsOfOfflineStore, config, [view], entities)) == [1]


def test_a_view_without_entities_holds_for_every_row(config, history):
    assert values_of(ask(AsOfOfflineStore, config, [view_of(history, entities=())], entities_at(["a"], [0.5]))) == [3]


def test_two_features_of_one_name_are_refused_until_full_names_are_asked_for(config, history):
    views = [view_of(history, name="first"), view_of(history, name="second")]

    with pytest.raises(InputError, match="would be called 'value': ask with full_feature_names=True"):
        ask(AsOfOfflineStore, config, views, entities_at(["a"], [1]))
    answer = ask(AsOfOfflineStore, config, views, entities_at(["a"], [1]), full=True).to_arrow()
    assert answer.column_names == ["user_id", "event_timestamp", "first__value", "second__value"]


def test_on_demand_features_are_computed_from_the_request_and_the_joined_views(config, history):
    view = view_of(history)

    @on_demand_feature_view(
        sources=[view, RequestSource(name="request", schema=[Field(name="factor", dtype=Int64)])],
        schema=[Field(name="product", dtype=Float64), Field(name="unasked", dtype=Float64)],
        mode="pandas",
    )
    def multiplied(inputs):
        product = inputs["value"].astype(float) * inputs["factor"]
        return pd.DataFrame({"product": product, "unasked": product})

    entities = entities_at(["nobody", "a", "b", "a"], [1, 1, 1, 0], factor=[1, 10, 100, 1000])
    job = ask(
        AsOfOfflineStore,
        config,
        [view],
        entities,
        ["view:value", "multiplied:product"],
        registry=OnDemandViews(multiplied),
    )

    answer = job.to_arrow()
    assert answer.column_names == ["user_id", "event_timestamp", "factor", "value", "product"]
    np.testing.assert_array_equal(answer["product"].to_numpy(), [np.nan, 20, 300, 1000])
    assert pa.Table.from_batches(job.to_arrow_batches(1))["product"].to_pylist()[1:] == [20, 300, 1000]
    assert job.to_parquet(config.repo_path / "out.parquet") == 4
    assert pq.read_table(config.repo_path / "out.parquet")["product"].to_pylist()[1:] == [20, 300, 1000]


def test_no_rows_in_no_rows_out(config, history):
    job = ask(AsOfOfflineStore, config, [view_of(history)], entities_at([], []))

    assert job.to_arrow().column_names == ["user_id", "event_timestamp", "value"]
    assert job.to_arrow().num_rows == 0
    assert job.to_arrow_batches().read_all().num_rows == 0


# --------------------------------------------------------------------------------------------------- sources


def test_a_relative_path_starts_at_the_feature_repository(config, history, monkeypatch):
    monkeypatch.chdir("/")

    assert values_of(ask(AsOfOfflineStore, config, [view_of("history.parquet")], entities_at(["a"], [1]))) == [2]


@pytest.mark.parametrize("path", ["many", "many/*/*.parquet"])
def test_a_folder_of_files_or_a_pattern_is_one_table_and_partitions_are_text(config, repo, path):
    for shop, user, value in (("shop=007", "a", 1), ("shop=008", "b", 2)):
        (repo / "many" / shop).mkdir(parents=True)
        more = {"late_column": pa.array([9])} if user == "b" else {}
        write_history(repo / "many" / shop / "part.parquet", [user], [0], [value], **more)
    view = view_of(path, features=("value", "shop", "late_column"))
    answer = ask(AsOfOfflineStore, config, [view], entities_at(["a", "b"], [1, 1])).to_arrow()

    assert answer.select(["value", "shop", "late_column"]).to_pylist() == [
        {"value": 1, "shop": "007", "late_column": None},
        {"value": 2, "shop": "008", "late_column": 9},
    ]


def test_what_is_missing_is_named_with_what_is_there(config, history):
    entities = entities_at(["a"], [1])
    cases = [
        (view_of(history, features=("age",)), entities, "view 'view' needs 'age' in .*history.parquet, .*user_id, "),
        (view_of(history, timestamp_field="when"), entities, "needs 'when'"),
        (view_of("gone.parquet"), entities, "'view_source' has no readable Parquet files at .*gone.parquet"),
        (view_of(history), entities.rename_columns(["uid", "event_timestamp"]), "'user_id', which .* lack.* uid, "),
        (view_of(history), entities.set_column(0, "user_id", pa.array([1])), "VARCHAR in key .* is BIGINT: convert"),
        (view_of(history), "SELECT 1; DROP TABLE x", "must be one SELECT"),
        (view_of(history), "SELECT 1 FROM nowhere", "query for the entity rows does not run .*nowhere"),
        (view_of(history), entities.set_column(1, "event_timestamp", pa.array([1])), "'event_timestamp'.*numbers"),
        (view_of(history), entities.set_column(1, "event_timestamp", pa.array(["x"])), "does not hold timestamps"),
        (view_of(history), None, "not NoneType"),
    ]
    for view, handed_over, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            ask(AsOfOfflineStore, config, [view], handed_over)


def pull(store, config, path, *, latest, days=(0, 9), created="created", keys=("user_id",), features=("value",)):
    start, end = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day) for day in days)
    source = FileSource(name="source", path=str(path), timestamp_field="stamp")
    method = store.pull_latest_from_table_or_query if latest else store.pull_all_from_table_or_query
    job = method(config, source, list(keys), list(features), "stamp", created, start, end)
    return job.to_arrow()


def test_pulling_all_reads_the_rows_of_a_time_range_both_ends_included(config, history):
    path = history.name

    assert pull(AsOfOfflineStore, config, path, latest=False, days=(0, 0.5))["value"].to_pylist() == [1, 3]
    assert pull(AsOfOfflineStore, config, path, latest=False, days=(0.5, 1))["value"].to_pylist() == [2]
    unlimited = AsOfOfflineStore.pull_all_from_table_or_query(
        config, FileSource(path=path, timestamp_field="stamp"), ["user_id"], ["value"], "stamp"
    ).to_arrow()
    assert unlimited.column_names == ["user_id", "value", "stamp"]
    assert unlimited.num_rows == 3


def test_pulling_the_latest_gives_one_row_per_key_and_the_last_created_of_a_tie(config, repo):
    users, days = ["a", "a", "a", "b", None, "c"], [0, 1, 1, 5, 1, None]
    path = write_history(repo / "h.parquet", users, days, [1, 2, 3, 4, 5, 6], created=[9, 3, 2, None, 1, 1])
    answer = pull(AsOfOfflineStore, config, path, latest=True).sort_by("value")

    assert answer.column_names == ["user_id", "value", "stamp", "created"]
    assert answer.select(["user_id", "value"]).to_pylist() == [
        {"user_id": "a", "value": 2},
        {"user_id": "b", "value": 4},
        {"user_id": None, "value": 5},
    ]
    assert answer.equals(pull(DuckDBOfflineStore, config_at(repo, "duckdb"), path, latest=True).sort_by("value"))
    assert pull(AsOfOfflineStore, config, path, latest=True, days=(0, 1), keys=())["value"].to_pylist() == [2]
    assert pull(AsOfOfflineStore, config, path, latest=True, days=(7, 8)).num_rows == 0
    with pytest.raises(InputError, match="Source 'source' needs 'age'"):
        pull(AsOfOfflineStore, config, path, latest=True, features=("age",))


# ------------------------------------------------------------------------------------------------- streaming


@pytest.fixture
def many(repo):
    """20,000 entity rows and 5,000 users with a value a day."""
    users = [str(number) for number in range(5_000)]
    path = write_history(repo / "h.parquet", users * 3, [0] * 5_000 + [1] * 5_000 + [2] * 5_000, list(range(15_000)))
    generator = np.random.default_rng(3)
    asked, days = generator.integers(5_000, size=20_000), generator.integers(0, 4, size=20_000)
    values = [int(user + 5_000 * min(day, 2)) for user, day in zip(asked, days, strict=True)]
    return view_of(path), entities_at([str(user) for user in asked], days.tolist(), value_=values), values


def test_batches_are_bounded_and_in_the_order_of_the_entity_rows(config, many):
    view, entities, values = many
    job = ask(AsOfOfflineStore, config, [view], entities)
    batches = list(job.to_arrow_batches(3_000))

    assert max(batch.num_rows for batch in batches) <= 3_000
    assert list(itertools.chain(*(batch["value"].to_pylist() for batch in batches))) == values
    assert values_of(job) == values


def test_two_views_of_different_batches_stay_side_by_side(config, many):
    view, entities, values = many
    twins = [view.with_name("one"), view.with_name("two")]
    answer = ask(AsOfOfflineStore, config, twins, entities, full=True).to_arrow_batches(700).read_all()

    assert answer["one__value"].to_pylist() == answer["two__value"].to_pylist() == values


def test_within_a_memory_limit_the_join_spills_and_is_still_right(repo):
    rows = 120_000
    text = pa.array([f"{number:0400d}" for number in range(rows)])
    users = [str(number) for number in range(rows)]
    path = write_history(repo / "h.parquet", users, [0] * rows, range(rows), text=text)
    config = config_at(repo, memory_limit="70MB", temp_directory="spill", threads=1)
    view = view_of(path, features=("value", "text"))
    job = ask(AsOfOfflineStore, config, [view], entities_at(users[::-1], [1] * rows))
    reader = job.to_arrow_batches(10_000)
    first = reader.read_next_batch()

    assert any((repo / "spill").iterdir())
    assert first["value"].to_pylist() == list(range(rows - 1, rows - 10_001, -1))
    assert sum(batch.num_rows for batch in reader) == rows - 10_000


def test_an_answer_with_a_row_too_few_or_out_of_place_is_an_error_and_no_file(config, many):
    view, entities, _ = many
    for damage in ("DELETE FROM probe WHERE row = 19999", "UPDATE probe SET row = 19999 WHERE row = 5"):
        job = ask(AsOfOfflineStore, config, [view], entities)
        job._rows.views[0].connection.execute(damage)

        with pytest.raises(RuntimeError, match="lost, added or moved rows"):
            job.to_arrow()
        with pytest.raises(RuntimeError, match="lost, added or moved rows"):
            job.to_parquet(config.repo_path / "out.parquet")
        assert not (config.repo_path / "out.parquet").exists()


def test_a_job_is_persisted_as_a_file_or_a_folder_and_overwrites_only_when_allowed(config, history):
    job = ask(AsOfOfflineStore, config, [view_of(history)], entities_at(["a", "b"], [1, 1]))
    for place in ("saved.parquet", "saved"):
        storage = SavedDatasetFileStorage(place, ParquetFormat())
        job.persist(storage)
        job.persist(storage, allow_overwrite=True)

        assert pq.read_table(config.repo_path / place)["value"].to_pylist() == [2, 3]
        with pytest.raises(SavedDatasetLocationAlreadyExists):
            job.persist(storage)


def test_a_folder_that_holds_anything_else_is_not_overwritten(config, history):
    job = ask(AsOfOfflineStore, config, [view_of(history)], entities_at(["a"], [1]))
    (config.repo_path / "exports").mkdir()
    (config.repo_path / "exports" / "precious.csv").write_text("1")

    with pytest.raises(InputError, match=r"exports holds precious\.csv, which would be lost"):
        job.persist(SavedDatasetFileStorage("exports", ParquetFormat()), allow_overwrite=True)
    assert (config.repo_path / "exports" / "precious.csv").read_text() == "1"


def test_an_on_demand_feature_without_a_value_in_the_first_batch_has_its_declared_type(config, history):
    view = view_of(history)

    @on_demand_feature_view(sources=[view], schema=[Field(name="word", dtype=String)], mode="pandas")
    def worded(inputs):
        return pd.DataFrame({"word": [None if value != 3 else "three" for value in inputs["value"]]})

    job = ask(
        AsOfOfflineStore,
        config,
        [view],
        entities_at(["a", "a", "b"], [0, 1, 1]),
        ["view:value", "worded:word"],
        registry=OnDemandViews(worded),
    )

    assert job.to_arrow_batches(1).read_all()["word"].to_pylist() == [None, None, "three"]


def test_without_a_folder_of_its_own_the_store_spills_where_nobody_else_can_look(config):
    from pathlib import Path

    from features.asof_store.store import _connect

    [(folder,)] = _connect(config).execute("select current_setting('temp_directory')").fetchall()

    assert Path(folder).stat().st_mode & 0o077 == 0


# ------------------------------------------------- where Feast's own store differs: docs/feast-differences.md


def feasts_answer(config, view, entities, **more):
    return ask(DuckDBOfflineStore, config_at(config.repo_path, "duckdb"), [view], entities, **more).to_df()


def test_feasts_store_ignores_a_key_that_an_alias_does_not_rename(config, repo):
    path = write_history(repo / "h.parquet", ["a", "a"], [0, 1], [1, 2], item_id=pa.array([10, 20]))
    view = view_of(path, entities=(USER, ITEM)).with_join_key_map({"user_id": "buyer_id"})
    entities = pa.table({"buyer_id": ["a"], "item_id": [10], "event_timestamp": moments([9])})

    assert feasts_answer(config, view, entities.to_pandas())["value"].tolist() == [2]  # item 20's


def test_feasts_store_takes_no_ttl_of_days_and_hours(config, history):
    view = view_of(history, ttl=dt.timedelta(days=1, hours=12))

    with pytest.raises(ValueError, match="mixed units"):
        feasts_answer(config, view, entities_at(["a"], [1]).to_pandas())


def test_feasts_store_loses_columns_of_certain_names(config, repo):
    path = write_history(repo / "h.parquet", ["a"], [0], [1], price_y=pa.array([5]))
    entities = entities_at(["a"], [1], entity_row_id=[7]).to_pandas()

    assert "entity_row_id" not in feasts_answer(config, view_of(path), entities)
    with pytest.raises(Exception, match="'price_y' is not found"):
        feasts_answer(config, view_of(path, features=("price_y",)), entities)


def test_feasts_store_reads_relative_paths_from_the_working_directory_and_no_folders(config, history):
    with pytest.raises(Exception, match="No files found"):
        feasts_answer(config, view_of(history.name), entities_at(["a"], [1]).to_pandas())
    with pytest.raises(AttributeError):
        feasts_answer(config, view_of(history.parent), entities_at(["a"], [1]).to_pandas())


def test_feasts_store_takes_frames_only_and_changes_them(config, history):
    for entities in (entities_at(["a"], [1]), "SELECT 'a' AS user_id, TIMESTAMP '2020-01-02' AS event_timestamp"):
        with pytest.raises(AttributeError):
            feasts_answer(config, view_of(history), entities)
    frame = pd.DataFrame({"user_id": ["a"], "event_timestamp": ["2020-01-02"]})
    feasts_answer(config, view_of(history), frame)
    assert frame["event_timestamp"].dtype == "datetime64[ns, UTC]"


def test_feasts_store_refuses_moments_between_two_microseconds(config, history):
    frame = pd.DataFrame({"user_id": ["a"], "event_timestamp": pd.to_datetime([FIRST_DAY + 1], utc=True)})

    with pytest.raises(pa.ArrowInvalid, match="would lose data"):
        feasts_answer(config, view_of(history), frame)


def test_feasts_store_persists_without_on_demand_features_and_appends_where_it_should_overwrite(config, history):
    view = view_of(history)

    @on_demand_feature_view(sources=[view], schema=[Field(name="double", dtype=Int64)], mode="pandas")
    def doubled(inputs):
        return pd.DataFrame({"double": inputs["value"] * 2})

    kept = {}
    for store, name in (
        (DuckDBOfflineStore, "duckdb"),
        (AsOfOfflineStore, "features.asof_store.store.AsOfOfflineStore"),
    ):
        job = ask(
            store,
            config_at(config.repo_path, name),
            [view],
            entities_at(["a"], [1]).to_pandas(),
            ["view:value", "doubled:double"],
            registry=OnDemandViews(doubled),
        )
        folder = config.repo_path / store.__name__
        for _ in range(2):
            job.persist(SavedDatasetFileStorage(str(folder)), allow_overwrite=True)
        kept[store] = pq.read_table(folder)

    assert (kept[DuckDBOfflineStore].num_rows, kept[AsOfOfflineStore].num_rows) == (2, 1)
    assert "double" not in kept[DuckDBOfflineStore].column_names
    assert kept[AsOfOfflineStore]["double"].to_pylist() == [4]
