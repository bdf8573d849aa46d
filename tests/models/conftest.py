"""A few rows, literal, and two towers over them.

TensorFlow is imported by the fixtures and tests that need it, not by the files: every worker reads every file.
"""

import tempfile
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.parquet_rows import ParquetRows
from features.store.service_schema import FeatureColumn, ServiceSchema, TowerSchemas
from models.config import SEED

QUERY = ServiceSchema(
    "query_tower_v9",
    "user_id",
    embeds_key=True,
    columns=(
        FeatureColumn("age", "Float32", "number"),
        FeatureColumn("spend", "Float32", "log"),
        FeatureColumn("status", "String", "one_hot"),
        FeatureColumn("recent_items", "Array(String)", "items", of="item_id"),
        FeatureColumn("recent_counts", "Array(Int64)", "aligned", of="recent_items"),
        FeatureColumn("recent_days", "Array(Int64)", "aligned", of="recent_items"),
        FeatureColumn("colours", "Array(String)", "words", of="colour"),
        FeatureColumn("colour_counts", "Array(Int64)", "aligned", of="colours"),
    ),
)
ITEM = ServiceSchema(
    "item_tower_v9",
    "item_id",
    embeds_key=True,
    columns=(
        FeatureColumn("colour", "String", "embedding"),
        FeatureColumn("group", "String", "one_hot"),
        FeatureColumn("sales", "Int64", "log"),
    ),
)
CONFIG = replace(
    SEED,
    content_dimensions=4,
    memory_dimensions=3,
    hidden=(16,),
    embedding_dimensions=3,
    discovers=True,
    batch_size=2,
    epochs=1,
    embedding_learning_rate=0.001,
    memory_learning_rate=0.01,
)

USERS = [
    {
        "user_id": "u1",
        "age": 20.0,
        "spend": 0.5,
        "status": "ACTIVE",
        "recent_items": ["a", "b"],
        "recent_counts": [2.0, 1.0],
        "recent_days": [1.0, 30.0],
        "colours": ["red", "blue"],
        "colour_counts": [2.0, 1.0],
    },
    {"user_id": "u2"},
    {
        "user_id": "u3",
        "age": 60.0,
        "spend": 9.0,
        "status": "LEFT",
        "recent_items": ["c"],
        "recent_counts": [1.0],
        "recent_days": [0.0],
        "colours": [],
        "colour_counts": [],
    },
]
ITEMS = [
    {"item_id": "a", "colour": "red", "group": "Hats", "sales": 3.0},
    {"item_id": "b", "colour": "blue", "group": "Shoes", "sales": 0.0},
    {"item_id": "c", "colour": None, "group": "Hats", "sales": None},
]


def table_of(schema: ServiceSchema, rows: list[dict[str, Any]]) -> pa.Table:
    """What a row does not speak of is missing."""
    types = {schema.entity_key: pa.string(), **{column.name: column.arrow_type for column in schema.columns}}
    return pa.table(
        {name: pa.chunked_array([pa.array([row.get(name) for row in rows], kind)]) for name, kind in types.items()}
    )


def written(folder, table):
    """The rows of a table in a file of its own."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "rows.parquet"
    pq.write_table(table, path)
    return ParquetRows((path,))


def judged(recall):
    import numpy as np

    from evaluation.validation_window import Judgement

    # Whatever recalls a judgement is made of.
    recalls = {field.name: {12: recall} for field in fields(Judgement) if field.name.endswith("recalls")}
    return Judgement(**recalls, user_recall=np.array([recall, recall]))


@dataclass(frozen=True)
class Tiny:
    """The rows and what is fitted on them."""

    query_schema: ServiceSchema = QUERY
    item_schema: ServiceSchema = ITEM
    config: Any = CONFIG
    users: pa.Table = None
    items: pa.Table = None
    folder: Path = None

    @property
    def schemas(self):
        return TowerSchemas(self.query_schema, self.item_schema)

    def table(self, schema, rows):
        return table_of(schema, rows)

    def written(self, table):
        return written(self.folder, table)

    def encodings(self):
        from models.encoding import Encodings

        return Encodings.fitted(self.schemas, self.written(self.users), self.written(self.items))

    def towers(self, seed=1, **settings):
        """Two towers with random weights."""
        import tf_keras as keras

        from models.training.loop import Towers

        keras.utils.set_random_seed(seed)
        fitted = self.encodings()
        return Towers.begun(fitted.query, fitted.item, replace(self.config, **settings))

    def training_set(self, purchases, sampled=(), sampled_per_day=0, catalogue_size=3):
        """Purchases are (user, item, day), by day and user; sampled are item ids, `sampled_per_day` for each day.

        An item is new to a user on the first of the days on which he buys it.
        """
        import numpy as np

        from features.training_data.training_set import TrainingSet

        users = {row["user_id"]: row for row in USERS}
        items = {row["item_id"]: row for row in ITEMS}
        queries = [key for key, _ in groupby(purchases, key=lambda purchase: (purchase[2], purchase[0]))]
        days = [day for day, _ in groupby(day for _, _, day in purchases)]
        drawn = zip(sampled, np.repeat(days, sampled_per_day).tolist(), strict=True)

        def rows(schema, described, moments, codes, others=MappingProxyType({})):
            table = table_of(schema, described)
            first = datetime(2020, 9, 1, tzinfo=UTC)
            stamps = pa.array([first + timedelta(days=day) for day in moments], pa.timestamp("us", tz="UTC"))
            columns = {"event_timestamp": stamps, "user_code": pa.array(codes, pa.int32()), **others}
            for name, column in columns.items():
                table = table.append_column(name, column)
            return self.written(table)

        codes = {user: place for place, user in enumerate(users)}
        drawn = list(drawn)
        first_days = {(user, item): day for user, item, day in reversed(purchases)}
        new = pa.array([day == first_days[user, item] for user, item, day in purchases], pa.bool_())
        return TrainingSet(
            queries=rows(
                QUERY, [users[user] for _, user in queries], [day for day, _ in queries], [codes[u] for _, u in queries]
            ),
            items=rows(
                ITEM,
                [items[item] for _, item, _ in purchases],
                [day for _, _, day in purchases],
                [codes[user] for user, _, _ in purchases],
                {"new": new},
            ),
            sampled_items=rows(
                ITEM, [items[item] for item, _ in drawn], [day for _, day in drawn], [None for _ in drawn]
            ),
            queries_per_day=np.array([sum(day == other for other, _ in queries) for day in days]),
            purchases_per_day=np.array([sum(day == other for *_, other in purchases) for day in days]),
            sampled_per_day=sampled_per_day,
            catalogue_size=catalogue_size,
        )

    def write_release(self, releases, towers, *, judged_towers=None, latest=True, **facts):
        import numpy as np

        from features.time_split import TimeSplit
        from models.release.release import make_latest, write_release
        from models.release.release_contents import Contents
        from models.training.history import Curve, Epoch

        epoch = Epoch(1, 2.5, judged(0.5))
        contents = Contents(
            learned=(judged_towers or towers).learned,
            item_ids=np.array(["a", "b", "c"]),
            item_vectors=towers.item_vectors(self.items),
            arrays={
                "item_sales": np.array([3, 0, 1], np.float32),
                "item_month": np.array([9, 2, 1], np.float32),
                "item_again": np.array([0.5, 0.25, 0.125], np.float32),
                "departments": np.array([0, 1, 0], np.int32),
                "neighbours": np.array([[1, 2], [0, -1], [0, -1]], np.int32),
                "similarities": np.array([[0.5, 0.25], [0.5, 0], [0.25, 0]], np.float32),
            },
            fusion={"keep": {"sources": ["two_tower"], "intercept": -1.5}, "drop": {"sources": [], "intercept": 0.0}},
            rankers={},
            ranking={},
            split=TimeSplit.ending(datetime(2020, 9, 23, tzinfo=UTC)),
            curve=Curve((epoch,), epoch),
            varieties={},
            baselines={"last week's bestsellers": judged(0.4)},
            facts={"config": self.config.to_json(), "seed": 1, **facts},
        )
        version = write_release(releases, towers, contents, datetime(2020, 9, 24, 12, tzinfo=UTC))
        if latest:
            make_latest(releases, version)
        return version


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return Tiny(users=table_of(QUERY, USERS), items=table_of(ITEM, ITEMS), folder=tmp_path_factory.mktemp("tiny"))
