"""The state of one part of a project."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from feast import FeatureStore

from features.store.generation import Generation

State: TypeAlias = Literal["ok", "missing", "outdated", "broken"]


@dataclass(frozen=True)
class Project:
    """Where the parts of a project are.

    Attributes:
        raw_dir: folder of the raw tables; None for the one from which the feature tables were built.
        tables: folder of the feature tables.
        repo: Feast feature repository.
        releases: folder of the releases.
        candidates: candidate file.
        default_raw_dir: folder of the raw tables before there are feature tables.
    """

    raw_dir: Path | None
    tables: Path
    repo: Path
    releases: Path
    candidates: Path
    default_raw_dir: Path


@dataclass(frozen=True)
class Finding:
    """The state of one part.

    Attributes:
        state: "missing" if the part was not created yet, "outdated" if it should be created again, "broken" if it
            cannot be used.
        details: what the part holds, and what is wrong with it.
        command: creates or repairs the part; empty if another part comes first.
    """

    state: State
    details: str
    command: str = ""


@dataclass
class Found:
    """What checks found that later checks compare with; None until it is found.

    Attributes:
        store: the applied feature store.
        release: manifest of the current release.
        generation: of the online store.
    """

    store: FeatureStore | None = None
    release: dict[str, Any] | None = None
    generation: Generation | None = None


def minute(moment: datetime) -> str:
    """Return a moment as text, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
