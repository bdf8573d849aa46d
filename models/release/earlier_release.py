"""An earlier release, for a warm start or for a comparison."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from features.errors import InputError
from features.store.service_schema import TowerSchemas
from models.config import Config
from models.release.checkpoint import Checkpoint
from models.release.find_release import LATEST
from models.release.release import VALIDATED, Release, load_release

# The settings that determine the shapes of the weights; the others may change in a warm start.
_ARCHITECTURE: Final = (
    "query_service", "item_service", "content_dimensions", "item_memory_dimensions", "hidden_widths",
    "embedding_dimensions", "has_new_item_head",
)  # fmt: skip
WARM_START_EPOCHS: Final = 1
REPLAY_DAYS: Final = 28  # with new days only, recall falls; see docs/log.md


@dataclass(frozen=True)
class EarlierRelease:
    """A verified release, and its towers as validated.

    Attributes:
        release: the release.
        validated: checkpoint of its towers as validated, before the refit.
    """

    release: Release
    validated: Checkpoint

    @classmethod
    def read(cls, releases: Path, version: str) -> Self:
        """Read a release by name, or the current one if the name is `LATEST` in any case.

        Raises:
            InputError: there is no such release, or it is damaged.
        """
        release = load_release(releases, None if version.upper() == LATEST else version)
        return cls(release, Checkpoint.read(releases / release.version / VALIDATED, release.schemas))

    def training_days(self, cut: datetime) -> int:
        """Return the days of training data for a warm start: those since this release's cut, and `REPLAY_DAYS` before.

        Args:
            cut: of the warm start, UTC.

        Raises:
            InputError: the cut is not later than this release's.
        """
        if self.release.cut >= cut:
            raise InputError(
                f"Release {self.release.version} was trained on the days before {self.release.cut:%Y-%m-%d}, and the "
                f"new cut is {cut:%Y-%m-%d}: there are no new days. Pass a later --as-of, or an earlier release to "
                "--from."
            )
        return (cut - self.release.cut).days + REPLAY_DAYS

    def check_compatible(self, config: Config, schemas: TowerSchemas, request_services: dict[str, str]) -> None:
        """Refuse a warm start with other towers or feature services than those of this release.

        Args:
            config: settings of the warm start.
            schemas: the towers' services as declared now.
            request_services: fingerprints, by name, of the other services that requests read, as declared now.

        Raises:
            InputError: names what differs.
        """
        for name in _ARCHITECTURE:
            recorded, current = getattr(self.release.config, name), getattr(config, name)
            if recorded != current:
                raise InputError(
                    f"Release {self.release.version} has {name} {recorded}, but preset '{config.preset}' has "
                    f"{current}: pass the --preset of the release, or train without --from."
                )
        self.release.check_tower_services(schemas)
        self.release.check_request_services(request_services)
