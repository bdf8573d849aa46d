"""Results in batches, in files, beyond memory, and checked for lost rows."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Field
from feast.data_format import ParquetFormat
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import String
from fixtures.asof_store import OnDemandRegistry, config_at, entities_at, retrieve, values_of, view_of, write_history

from features.asof_store.store import AsOfOfflineStore, _connect
from features.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:fetch_arrow_table", "ignore:On demand feature view", "ignore:.*typeguard"
)


@pytest.fixture
def many(repo):
    """20,000 entity rows and 5,000 users with one value per day."""
    users = [str(number) for number in range(5_000)]
    path = write_history(repo / "h.parquet", users * 3, [0] * 5_000 + [1] * 5_000 + [2] * 5_000, list(range(15_000)))
    generator = np.random.default_rng(3)
    users_of_rows, days = generator.integers(5_000, size=20_000), generator.integers(0, 4, size=20_000)
    values = [int(user + 5_000 * min(day, 2)) for user, day in zip(users_of_rows, days, strict=True)]
    return view_of(path), entities_at([str(user) for user in users_of_rows], days.tolist(), value_=values), values


def test_batches_are_bounded_and_in_the_order_of_the_entity_rows(config, many):
    view, entities, values = many
    job = retrieve(AsOfOfflineStore, config, [view], entities)
    batches = list(job.to_arrow_batches(3_000))

    assert max(batch.num_rows for batch in batches) <= 3_000
    assert list(itertools.chain(*(batch["value"].to_pylist() for batch in batches))) == values
    assert values_of(job) == values


def test_two_views_stay_aligned(config, many):
    view, entities, values = many
    twins = [view.with_name("one"), view.with_name("two")]
    result = retrieve(AsOfOfflineStore, config, twins, entities, full=True).to_arrow_batches(700).read_all()

    assert result["one__value"].to_pylist() == result["two__value"].to_pylist() == values


def test_within_a_memory_limit_the_join_spills_and_is_correct(repo):
    rows = 120_000
    text = pa.array([f"{number:0400d}" for number in range(rows)])
    users = [str(number) for number in range(rows)]
    path = write_history(repo / "h.parquet", users, [0] * rows, range(rows), text=text)
    config = config_at(repo, memory_limit="70MB", temp_directory="spill", threads=1)
    view = view_of(path, features=("value", "text"))
    job = retrieve(AsOfOfflineStore, config, [view], entities_at(users[::-1], [1] * rows))
    reader = job.to_arrow_batches(10_000)
    first = reader.read_next_batch()

    assert any((repo / "spill").iterdir())
    assert first["value"].to_pylist() == list(range(rows - 1, rows - 10_001, -1))
    assert sum(batch.num_rows for batch in reader) == rows - 10_000


def test_lost_and_moved_rows_are_an_error_and_write_no_file(config, many):
    view, entities, _ = many
    for damage in ("DELETE FROM probe WHERE row = 19999", "UPDATE probe SET row = 19999 WHERE row = 5"):
        job = retrieve(AsOfOfflineStore, config, [view], entities)
        job._rows.views[0].connection.execute(damage)

        with pytest.raises(RuntimeError, match="lost, added or moved rows"):
            job.to_arrow()
        with pytest.raises(RuntimeError, match="lost, added or moved rows"):
            job.to_parquet(config.repo_path / "out.parquet")
        assert not (config.repo_path / "out.parquet").exists()


def test_a_job_is_persisted_to_a_file_or_a_folder_and_overwrites_only_when_allowed(config, history):
    job = retrieve(AsOfOfflineStore, config, [view_of(history)], entities_at(["a", "b"], [1, 1]))
    for name in ("saved.parquet", "saved"):
        storage = SavedDatasetFileStorage(name, ParquetFormat())
        job.persist(storage)
        job.persist(storage, allow_overwrite=True)

        assert pq.read_table(config.repo_path / name)["value"].to_pylist() == [2, 3]
        with pytest.raises(SavedDatasetLocationAlreadyExists):
            job.persist(storage)


def test_a_folder_with_other_files_is_not_overwritten(config, history):
    job = retrieve(AsOfOfflineStore, config, [view_of(history)], entities_at(["a"], [1]))
    (config.repo_path / "exports").mkdir()
    (config.repo_path / "exports" / "precious.csv").write_text("1")

    with pytest.raises(InputError, match=r"exports holds precious\.csv"):
        job.persist(SavedDatasetFileStorage("exports", ParquetFormat()), allow_overwrite=True)
    assert (config.repo_path / "exports" / "precious.csv").read_text() == "1"


def test_an_on_demand_feature_without_a_value_in_the_first_batch_has_its_declared_type(config, history):
    view = view_of(history)

    @on_demand_feature_view(sources=[view], schema=[Field(name="word", dtype=String)], mode="pandas")
    def spelled(inputs):
        return pd.DataFrame({"word": [None if value != 3 else "three" for value in inputs["value"]]})

    job = retrieve(
        AsOfOfflineStore,
        config,
        [view],
        entities_at(["a", "a", "b"], [0, 1, 1]),
        ["view:value", "spelled:word"],
        registry=OnDemandRegistry(spelled),
    )

    assert job.to_arrow_batches(1).read_all()["word"].to_pylist() == [None, None, "three"]


def test_the_default_spill_folder_is_private(config):
    [(folder,)] = _connect(config).execute("select current_setting('temp_directory')").fetchall()

    assert Path(folder).stat().st_mode & 0o077 == 0
