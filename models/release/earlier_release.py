"""An earlier release as a later training needs it: to go on from, or to be compared with."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from features.errors import InputError
from features.store.service_schema import TowerSchemas
from models.config import PRESETS, Config
from models.release.checkpoint import Checkpoint
from models.release.release import LATEST, Release, load_release
from models.towers import Towers

# What decides how the towers are built; how they learn may be another way.
_BUILDS: Final = (
    "query_service", "item_service", "content_dimensions", "item_memory_dimensions", "hidden_widths",
    "embedding_dimensions", "has_new_item_head",
)  # fmt: skip
WARM_START_EPOCHS: Final = 1
REPLAY_DAYS: Final = 28  # with none, recall falls; see docs/log.md


@dataclass(frozen=True)
class EarlierRelease:
    """A release that was read and verified, and what its towers learned.

    Attributes:
        release: the release.
        checkpoint: words, scales and weights as they were judged, from before the cut.
    """

    release: Release
    checkpoint: Checkpoint

    @classmethod
    def read(cls, releases: Path, version: str) -> Self:
        """Read a release by its name, or the current one if that is `LATEST` in any case.

        Raises:
            InputError: it is not there, or not whole.
        """
        release = load_release(releases, None if version.upper() == LATEST else version)
        return cls(release, Checkpoint.read(releases / release.version, release.schemas))

    def towers(self) -> Towers:
        """The towers as they were judged, before they learned from the days that judged them."""
        theirs = self.release.manifest["config"]
        builds = {name: theirs[name] for name in _BUILDS} | {"hidden_widths": tuple(theirs["hidden_widths"])}
        return Towers.from_checkpoint(self.checkpoint, replace(PRESETS[theirs["preset"]], **builds))

    @property
    def cut(self) -> datetime:
        """Before this moment lies everything that the weights learned from, UTC."""
        return datetime.fromisoformat(self.release.manifest["cut"])

    def training_days(self, cut: datetime) -> int:
        """How many days to train on up to a cut: those since the earlier one, and some before it again.

        What is learned from the new days alone is paid for with what was known.

        Raises:
            InputError: the earlier release has learned from days after this cut, or there are none between the two.
        """
        if self.cut >= cut:
            raise InputError(
                f"Release {self.release.version} has learned from everything before {self.cut:%Y-%m-%d}, and the new "
                f"cut is {cut:%Y-%m-%d}: there is nothing new. Pass a later --as-of, or an earlier release to --from."
            )
        return (cut - self.cut).days + REPLAY_DAYS

    def check_compatible(self, config: Config, schemas: TowerSchemas, request_services: dict[str, str]) -> None:
        """Refuse settings and services that build other towers, or tell rankers other things, than the earlier ones.

        Args:
            config: of the training that is to go on.
            schemas: the towers' services as they are declared now.
            request_services: fingerprints of the other services that a request reads, by name, as declared now.

        Raises:
            InputError: names what differs.
        """
        theirs: dict[str, Any] = self.release.manifest["config"]
        mine: dict[str, Any] = json.loads(json.dumps(config.to_json()))  # as the manifest has it: tuples become lists
        for name in _BUILDS:
            if theirs.get(name) != mine[name]:
                raise InputError(
                    f"Release {self.release.version} has {name} {theirs.get(name)}, and preset '{config.preset}' has "
                    f"{mine[name]}: choose the release's --preset, or train without --from."
                )
        self.release.check_tower_services(schemas)
        self.release.check_request_services(request_services)
