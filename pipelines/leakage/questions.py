"""What the leak check asks: everything that is known, fitted or listed as of a moment, and of a release."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from feast import FeatureStore

from features.moments import datetime64
from features.progress import Progress
from features.store.catalogue import catalogue_ids
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS
from features.store.service_columns import ServiceColumns
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases, write_purchases
from features.training_data.training_set import TrainingSet, write_training_set
from models.encoding import Encodings
from models.release.checkpoint import read_encodings
from models.release.release import Release, load_release
from models.release.saved_models import SavedTower
from pipelines.leakage.answers import answers_at, training_answers
from pipelines.leakage.differences import Answer
from pipelines.leakage.encoding_answers import encoding_answers, released_answers
from pipelines.leakage.list_answers import list_answers
from pipelines.leakage.online_answers import filled_copy, online_pairs
from pipelines.leakage.popularity_answers import last_week_counts, popularity_answer
from pipelines.leakage.raw_world import RawWorld
from pipelines.leakage.stages import ONLINE, Stage, altered_stages, late_stage

_RELEASED = (
    "The release has words or scales that are not those of its own training rows. If the feature tables are not those "
    "that it was trained on, train again; else look for what is fitted on more than the rows before the cut."
)
_K = 100


@dataclass(frozen=True)
class LeakQuestions:
    """The questions, for the towers of one release.

    Attributes:
        release: its services, its settings, its towers and its words.
        folder: where the release lies.
        services: everything that the registry serves.
        end: up to when purchases are read, in every world; UTC.
        seed: of draws.
        progress: makes a progress callback from a label and a total.
    """

    release: Release
    folder: Path
    services: list[ServiceColumns]
    end: datetime
    seed: int
    progress: Progress

    def stages(
        self, store: FeatureStore, world: RawWorld, moments: list[datetime], folder: Path, *, users: int, items: int
    ) -> Iterator[Stage]:
        """Everything, one stage after the other.

        Args:
            store: a copy of the store in use.
            world: the raw tables from which its feature tables were built.
            moments: where the worlds part, ascending.
            folder: a folder for temporary files.
            users: how many users are asked about online.
            items: how many items are asked about online.
        """
        yield from altered_stages(
            store, world, moments, self.answers, folder / "worlds", seed=self.seed, progress=self.progress
        )
        yield self.released(store, folder / "release")
        yield late_stage(store, folder / "late")
        yield from self.online(store, moments[-1], folder / "online", users=users, items=items)

    def answers(self, store: FeatureStore, moment: datetime, folder: Path) -> list[Answer]:
        """Train up to `moment`, as far as fitting, and ask for everybody's features and the bestsellers as of it."""
        days = self.release.manifest["config"]["training_days"]
        split = TimeSplit(moment - timedelta(days=days) if days else None, moment, self.end)
        purchases, rows = self._training_set(store, split, self.seed, folder)
        items = catalogue_ids(store, moment)
        sales = FeatureReader(store, "offline").read(CANDIDATE_ITEMS, items, moment)["sales_7d"]
        sold = np.asarray(sales.fill_null(0.0), np.float32)
        cut = datetime64(moment)
        return [
            *training_answers(rows, self.release.schemas),
            *answers_at(store, self.services, moment, folder, self.progress),
            *encoding_answers(Encodings.fit(self.release.schemas, rows.queries, rows.candidates)),
            popularity_answer(f"bestsellers ({CANDIDATE_ITEMS})", "item_sales_daily", items, sold),
            popularity_answer(
                "bestsellers of the judge",
                "transactions",
                items,
                last_week_counts(purchases.rows.batches(), items, cut),
            ),
        ]

    def released(self, store: FeatureStore, folder: Path) -> Stage:
        """Compare the words and scales in the release with those of its training rows."""
        folder.mkdir()
        manifest = self.release.manifest
        start, cut, as_of = (manifest[name] for name in ("training_start", "cut", "as_of"))
        moment = datetime.fromisoformat(cut)
        split = TimeSplit(datetime.fromisoformat(start) if start else None, moment, datetime.fromisoformat(as_of))
        _, rows = self._training_set(store, split, manifest["seed"], folder)
        schemas = self.release.schemas
        encodings = Encodings.fit(schemas, rows.queries, rows.candidates)
        if manifest["warm_start_from"]:  # its words and scales came first, and are checked with that release
            earlier = load_release(self.folder.parent, manifest["warm_start_from"])
            encodings = encodings.merge_with(*read_encodings(self.folder.parent / earlier.version, schemas))
        name = f"words and scales of release {self.release.version}"
        return Stage.of(name, moment, _RELEASED, *released_answers(encodings, self.folder))

    def online(self, store: FeatureStore, moment: datetime, folder: Path, *, users: int, items: int) -> Iterator[Stage]:
        """Compare online features with offline ones, then the lists to which both lead."""
        query, item = self.release.schemas.query, self.release.schemas.item
        pairs = online_pairs(
            filled_copy(store, moment, folder),
            self.services,
            moment,
            users=users,
            items=items,
            whole=item.service,
            seed=self.seed,
            progress=self.progress,
        )
        yield Stage.of("online features beside offline ones", moment, ONLINE, *zip(*pairs.values(), strict=True))
        tower = SavedTower(self.folder / "item_tower", item)
        offline, online = (
            list_answers(self.release.query_tower, tower, users.rows, items.rows, k=_K, release=self.release.version)
            for users, items in zip(pairs[query.service], pairs[item.service], strict=True)
        )
        yield Stage.of("lists from online features beside offline ones", moment, ONLINE, offline, online)

    def _training_set(
        self, store: FeatureStore, split: TimeSplit, seed: int, folder: Path
    ) -> tuple[Purchases, TrainingSet]:
        purchases = write_purchases(store, split, folder)
        rows = write_training_set(
            store,
            self.release.schemas,
            purchases,
            catalogue_ids(store, split.cut),
            folder,
            sampled_per_day=self.release.manifest["config"]["sampled_per_day"],
            seed=seed,
            progress=self.progress,
        )
        return purchases, rows
