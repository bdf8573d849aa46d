"""The leakage test: training rows, features, encodings and lists must not depend on later data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from feast import FeatureStore

from features.build_record import BUILD_RECORD, read_build
from features.errors import InputError
from features.moments import datetime64
from features.progress import Reporter
from features.store.catalogue import catalogue_ids
from features.store.data_end import data_end
from features.store.reader import FeatureReader
from features.store.registry import tower_schemas
from features.store.request_services import CANDIDATE_ITEMS
from features.store.service_columns import ServiceColumns
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases, write_purchases
from features.training_data.training_set import TrainingSet, write_training_sets
from models.encoding import Encodings
from models.release.checkpoint import read_encodings
from models.release.manifest import STAGES
from models.release.release import VALIDATED, Release, load_release
from models.towers import Towers
from pipelines.leakage.altered_data import AlteredData
from pipelines.leakage.comparison import Snapshot
from pipelines.leakage.encoding_snapshots import encoding_snapshots, released_encoding_snapshots
from pipelines.leakage.feature_snapshots import (
    PURCHASES,
    comparable_services,
    feature_snapshots,
    training_set_snapshots,
)
from pipelines.leakage.list_snapshots import bestseller_snapshot, last_week_counts, retrieved_list_snapshots
from pipelines.leakage.online_snapshots import materialized_copy, offline_and_online_snapshots
from pipelines.leakage.report import TimedStage, run_timed
from pipelines.leakage.stages import ONLINE, StageResult, altered_data_stages, late_row_stage
from pipelines.leakage.store_copy import store_copy

_RELEASED: Final = (
    "The vocabularies or scales of the release are not those of its own training rows. If the feature tables have "
    "changed since, train again; otherwise look for code that fits on more than the rows before the cut."
)
_K: Final = 100


def run_leakage_test(
    store: FeatureStore,
    release: Release,
    release_folder: Path,
    *,
    raw_dir: Path | None,
    folder: Path,
    moments: int,
    users: int,
    items: int,
    seed: int,
    memory_limit: str,
    reporter: Reporter,
) -> tuple[list[TimedStage], list[str]]:
    """Run the leakage test of a release on copies of the store and of the raw tables.

    Args:
        store: the store in use, which stays unchanged.
        release: the release.
        release_folder: its folder.
        raw_dir: folder of the raw tables; None for the one from which the feature tables were built.
        folder: an empty folder for temporary files.
        moments: number of random moments.
        users: number of users whose online features are compared.
        items: number of items whose online features are compared.
        seed: of moments, permutations and samples.
        memory_limit: of DuckDB, such as "4GB".
        reporter: receives stages and progress.

    Returns:
        The results of all stages, and for each feature service that cannot be compared, its name and why.

    Raises:
        InputError: the release does not fit the registry, or the raw tables are invalid.
    """
    schemas = release.schemas
    release.check_tower_services(tower_schemas(store, schemas.query.service, schemas.item.service))
    services, uncompared = comparable_services(store)
    tables, latest = _table_folder(store), None
    if raw_dir is None or (tables / BUILD_RECORD).is_file():
        build = read_build(tables)
        raw_dir, latest = raw_dir or build.raw_dir, build.latest
    test = LeakageTest(release, release_folder, services, data_end(store), seed, reporter)
    reporter.stage("load the raw tables")
    with AlteredData.load(raw_dir, folder, memory_limit=memory_limit, latest=latest) as altered:
        drawn = altered.draw_moments(moments, seed=seed)
        copy = store_copy(store, folder / "store")
        return run_timed(test.run(copy, altered, drawn, folder, users=users, items=items)), uncompared


def _table_folder(store: FeatureStore) -> Path:
    """Return the folder of the feature tables that the registry reads."""
    return Path(store.get_feature_view(PURCHASES).batch_source.path).parent


@dataclass(frozen=True)
class LeakageTest:
    """The leakage test of one release.

    Attributes:
        release: its feature services, settings, towers and vocabularies.
        folder: of the release.
        services: the feature services to compare.
        data_end: end of the purchases that are read, in original and altered data; UTC.
        seed: of draws.
        reporter: receives stages and progress.
    """

    release: Release
    folder: Path
    services: Sequence[ServiceColumns]
    data_end: datetime
    seed: int
    reporter: Reporter

    def run(
        self,
        store: FeatureStore,
        altered: AlteredData,
        moments: Sequence[datetime],
        folder: Path,
        *,
        users: int,
        items: int,
    ) -> Iterator[StageResult]:
        """Run all stages.

        Args:
            store: a copy of the store in use.
            altered: the raw tables of its feature tables.
            moments: from which the data are altered, ascending, UTC.
            folder: for temporary files.
            users: number of users whose online features are compared.
            items: number of items whose online features are compared.
        """
        yield from altered_data_stages(
            store, altered, moments, self.take_snapshots, folder / "moments", seed=self.seed, reporter=self.reporter
        )
        self.reporter.stage("compare the vocabularies and scales of the release")
        yield self.compare_release(store, folder / "release")
        self.reporter.stage("compare late rows")
        yield late_row_stage(store, folder / "late")
        self.reporter.stage("compare online with offline features")
        yield from self.compare_online(store, moments[-1], folder / "online", users=users, items=items)

    def take_snapshots(self, store: FeatureStore, moment: datetime, folder: Path) -> list[Snapshot]:
        """Take snapshots of the training set up to `moment`, its encodings, and features and bestsellers as of it."""
        days = self.release.manifest["config"]["training_days"]
        split = TimeSplit(moment - timedelta(days=days) if days else None, moment, self.data_end)
        purchases = write_purchases(store, split, folder)
        [rows] = self._training_sets(store, purchases, [split], self.seed, folder)
        items = catalogue_ids(store, moment)
        sales = FeatureReader(store, "offline").read(CANDIDATE_ITEMS, items, moment)["sales_7d"]
        counts = last_week_counts(purchases.rows.batches(), items, datetime64(moment))
        return [
            *training_set_snapshots(rows, self.release.schemas),
            *feature_snapshots(store, self.services, moment, folder, self.reporter.progress),
            *encoding_snapshots(Encodings.fit(self.release.schemas, rows.queries, rows.candidates)),
            bestseller_snapshot(
                f"bestsellers ({CANDIDATE_ITEMS})",
                "item_sales_daily",
                items,
                np.asarray(sales.fill_null(0.0), np.float32),
            ),
            bestseller_snapshot("bestsellers of the validation window's baseline", "transactions", items, counts),
        ]

    def compare_release(self, store: FeatureStore, folder: Path) -> StageResult:
        """Compare the vocabularies and scales in the release with those of its training rows, stage by stage."""
        folder.mkdir()
        manifest, schemas = self.release.manifest, self.release.schemas
        if STAGES not in manifest:
            raise InputError(f"The manifest of release {self.release.version} lacks '{STAGES}': train again.")
        as_of = datetime.fromisoformat(manifest["as_of"])
        splits = [
            TimeSplit(
                datetime.fromisoformat(stage["start"]) if stage["start"] else None,
                datetime.fromisoformat(stage["end"]),
                as_of,
            )
            for stage in manifest[STAGES]
        ]
        earlier = None
        if manifest["warm_start_from"]:
            # A warm start keeps the vocabularies and scales of the earlier release, which are compared with that one.
            release = load_release(self.folder.parent, manifest["warm_start_from"])
            earlier = read_encodings(self.folder.parent / release.version / VALIDATED, schemas)
        purchases = write_purchases(store, splits[-1], folder)
        for rows in self._training_sets(store, purchases, splits, manifest["seed"], folder):
            encodings = Encodings.fit(schemas, rows.queries, rows.candidates)
            if earlier:
                encodings = encodings.merge_with(*earlier)
            earlier = encodings.query, encodings.item
        snapshots = released_encoding_snapshots(encodings, self.folder / VALIDATED)
        return StageResult.of("encodings of the release", splits[-1].cut, _RELEASED, *snapshots)

    def compare_online(
        self, store: FeatureStore, moment: datetime, folder: Path, *, users: int, items: int
    ) -> Iterator[StageResult]:
        """Compare online with offline features, then the lists that the towers retrieve from both."""
        query, item = self.release.schemas.query, self.release.schemas.item
        pairs = offline_and_online_snapshots(
            materialized_copy(store, moment, folder),
            self.services,
            moment,
            users=users,
            items=items,
            complete=item.service,
            seed=self.seed,
            progress=self.reporter.progress,
        )
        yield StageResult.of("online and offline features", moment, ONLINE, *zip(*pairs.values(), strict=True))
        towers = Towers.from_checkpoint(self.release.served, self.release.config)
        offline, online = (
            retrieved_list_snapshots(towers, user_rows.rows, item_rows.rows, k=_K, release=self.release.version)
            for user_rows, item_rows in zip(pairs[query.service], pairs[item.service], strict=True)
        )
        yield StageResult.of("online and offline lists", moment, ONLINE, offline, online)

    def _training_sets(
        self, store: FeatureStore, purchases: Purchases, splits: Sequence[TimeSplit], seed: int, folder: Path
    ) -> list[TrainingSet]:
        return write_training_sets(
            store,
            self.release.schemas,
            purchases,
            splits,
            folder,
            settings=self.release.config,
            seed=seed,
            progress=self.reporter.progress,
        )
