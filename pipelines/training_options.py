"""What a training run does: its settings, and which steps it takes."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from feast import FeatureStore

from candidates.filters.settings import FilterSettings
from features.store.data_end import moment_or_data_end
from features.store.registry import tower_schemas
from features.store.request_services import request_service_fingerprints
from features.time_split import TimeSplit
from models.config import Config, load_preset
from models.release.checkpoint import Checkpoint
from models.release.earlier_release import WARM_START_EPOCHS, EarlierRelease
from pipelines.filter_context import release_filters
from pipelines.training_stages import RANKER_WEEKS


@dataclass(frozen=True)
class ReleaseOptions:
    """Settings of a training run whose result is released.

    Attributes:
        releases: folder of the releases; the gate compares with the current one.
        filters: the filters in force unless a request has its own.
        earlier: the release of a warm start, whose rankers are carried over; None for a full training.
        require_better: stop before the rankers and the refit if the gate is not passed.
        commit: of the code, for the manifest.
    """

    releases: Path
    filters: FilterSettings = field(default_factory=FilterSettings)
    earlier: EarlierRelease | None = None
    require_better: bool = False
    commit: str | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training run.

    Attributes:
        config: settings of the towers.
        split: the moments that separate training, validation and release.
        seed: of draws, weights and shuffling.
        ranker_weeks: number of weeks that train the blender and the rankers: 0 trains towers only, 1 adds the blender,
            from `pipelines.training_stages.FEWEST_WEEKS` on rankers are trained. A release needs at least 1.
        checkpoint: weights with which the towers start, of the same services and settings; None for random weights.
        release: None if the result is evaluated and not released: no gate, no validation table, no release contents.
    """

    config: Config
    split: TimeSplit
    seed: int
    ranker_weeks: int = RANKER_WEEKS
    checkpoint: Checkpoint | None = None
    release: ReleaseOptions | None = None

    def __post_init__(self) -> None:
        if self.release and not self.ranker_weeks:
            raise ValueError("A release needs a blender: ranker_weeks must be at least 1.")

    @classmethod
    def of_release(
        cls,
        store: FeatureStore,
        releases: Path,
        *,
        preset: str,
        version: str | None,
        as_of: str | None,
        validation_days: int,
        training_days: int | None,
        epochs: int | None,
        ranker_weeks: int,
        seed: int,
        filters: FilterSettings | None,
        require_better: bool,
        commit: str | None,
    ) -> Self:
        """Complete the options of `jobs/train.py`.

        Args:
            store: an applied feature store.
            releases: folder of the releases.
            preset: name of the settings.
            version: the release from which a warm start begins, or LATEST; None for a full training.
            as_of: moment of the release as text; None for the morning after the last purchase.
            validation_days: length of the validation window in days.
            training_days: days before the cut to train on; None for those of the preset or of the warm start.
            epochs: passes at most; None for those of the preset or of the warm start.
            ranker_weeks: of a full training; a warm start fits the blender only and carries the rankers over.
            seed: of draws, weights and shuffling.
            filters: None for those of the earlier release, or the defaults.
            require_better: stop if the gate is not passed.
            commit: of the code.

        Raises:
            InputError: a moment or a version is malformed, or the earlier release does not fit the settings, the
                feature services or the cut.
        """
        moment = moment_or_data_end(store, as_of)
        earlier = EarlierRelease.read(releases, version) if version else None
        if earlier:
            days = earlier.training_days(TimeSplit.for_release(moment, validation_days=validation_days).cut)
            training_days, epochs = training_days or days, epochs or WARM_START_EPOCHS
        config = load_preset(preset, training_days=training_days, epochs=epochs)
        if earlier:
            services = request_service_fingerprints(store)
            earlier.check_compatible(config, tower_schemas(store, config.query_service, config.item_service), services)
        default = release_filters(earlier.release) if earlier else FilterSettings()
        return cls(
            config=config,
            split=TimeSplit.for_release(moment, validation_days=validation_days, training_days=config.training_days),
            seed=seed,
            ranker_weeks=1 if earlier else ranker_weeks,
            checkpoint=earlier.validated if earlier else None,
            release=ReleaseOptions(releases, filters or default, earlier, require_better, commit),
        )

    @property
    def moment(self) -> datetime:
        """The moment of the release, UTC."""
        return self.split.as_of
