"""The release that is served, and the change to another one while requests are answered.

A deployment (a release with a generation of the online store) is loaded and tested beside the one that serves, and then
takes its place in one assignment. What fails is refused, and the present one goes on serving.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from features.errors import InputError, OnlineStoreUnavailableError, first_line
from models.release.find_release import find_release
from serving.deployment import Deployment
from serving.event_intake import EventIntake
from serving.self_test import check_deployment

POLL_SECONDS: Final = 1.0
MAX_POLLS_SKIPPED: Final = 64

Load: TypeAlias = Callable[[str], Deployment]
"""Loads and tests a release by name."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """A release that was not activated.

    Attributes:
        version: of the release, or what `LATEST` was expected to name.
        reason: why.
        at: when, UTC.
    """

    version: str
    reason: str
    at: datetime


class ReleaseSwitch:
    """Holds the deployment that serves, and replaces it.

    A new value of `LATEST` is activated, and so is a new generation of the online store. After a return to an earlier
    release, `LATEST` is followed again when it changes.

    Args:
        repo: Feast feature repository.
        releases: folder of the releases.
        now: the present moment, UTC.
        version: the only release that is served; None to follow `LATEST`.
        load: loads and tests a release; by default from `repo` and `releases`.
        intake: of the purchase events that requests shall reflect; None for none.
        loading: held while a release is loaded; shared by switches that must not load at the same time, for memory.
    """

    def __init__(
        self,
        repo: Path,
        releases: Path,
        now: Callable[[], datetime],
        *,
        version: str | None = None,
        load: Load | None = None,
        intake: EventIntake | None = None,
        loading: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._repo, self._releases, self._now, self._version = repo, releases, now, version
        self._intake = intake
        self._load = load or self._load_and_test
        self._latest = find_release(releases, version).name
        self._previous: str | None = None
        self._refusal: Refusal | None = None
        self._failed: dict[str, tuple[int, int]] = {}  # failures, and polls until the next attempt
        self._loading, self._ended = loading or threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="releases", daemon=True)
        self.activations, self.refusals = 1, 0
        self._current, self._activated_at = self._load(self._latest), now()

    @property
    def current(self) -> Deployment:
        """The deployment that serves. Read it once per block of requests."""
        return self._current

    @property
    def activated_at(self) -> datetime:
        """Since when it serves, UTC."""
        return self._activated_at

    @property
    def previous(self) -> str | None:
        """The release that served before the present one."""
        return self._previous

    @property
    def refusal(self) -> Refusal | None:
        """The last release that was refused, until it or another one is activated."""
        return self._refusal

    def start(self) -> None:
        """Watch for other releases in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._ended.set()
        self._thread.join()

    def activate(self, version: str | None) -> Deployment:
        """Activate a release by name, or return to the previous one.

        Raises:
            InputError: there is no previous release, or the release cannot be served.
        """
        with self._loading:
            version = version or self._previous
            if version is None:
                raise InputError("No other release was active before: pass the name of one as version.")
            deployment = self._replace(version)
            with contextlib.suppress(InputError):  # a damaged LATEST is reported by the watch
                self._latest = self._find_latest()
            return deployment

    def poll(self) -> None:
        """Activate what is new: the release that `LATEST` names, or a generation of the online store.

        What was refused is tried again, less and less often: a copy may be incomplete, or the online store not filled.
        """
        with self._loading:
            try:
                latest = self._find_latest()
            except InputError as error:
                self._refuse("LATEST", str(error))
                return
            if latest != self._latest and self._try(latest):
                self._latest = latest
            if not self._is_up_to_date():
                self._try(self._current.version)

    def _try(self, version: str) -> bool:
        """Activate a release, unless it failed a short time ago; return whether it was activated."""
        failures, polls_to_skip = self._failed.get(version, (0, 0))
        if polls_to_skip > 0:
            self._failed[version] = failures, polls_to_skip - 1
            return False
        try:
            self._replace(version)
        except InputError:
            self._failed[version] = failures + 1, min(2 ** (failures + 1), MAX_POLLS_SKIPPED)
            return False
        return True

    def _find_latest(self) -> str:
        return find_release(self._releases, self._version).name

    def _is_up_to_date(self) -> bool:
        """Whether the online store still has the generation that is served, as far as it answers."""
        try:
            return self._current.pipeline.reader.generation.is_current
        except OnlineStoreUnavailableError:
            return True
        except InputError:
            return False

    def _replace(self, version: str) -> Deployment:
        try:
            deployment = self._load(version)
        except InputError as error:
            self._refuse(version, str(error))
            raise
        except Exception as error:
            _logger.exception("release %s cannot be loaded", version)
            reason = f"Release {version} cannot be loaded: {type(error).__name__}: {first_line(error)}."
            self._refuse(version, reason)
            raise InputError(reason) from error
        if self._current.version != deployment.version:
            self._previous, self._refusal = self._current.version, None
        elif self._refusal is not None and self._refusal.version == version:
            self._refusal = None
        self._current, self._activated_at = deployment, self._now()
        self._failed.pop(version, None)
        self.activations += 1
        _logger.info("release %s with features of generation %s is active", deployment.version, deployment.generation)
        return deployment

    def _refuse(self, version: str, reason: str) -> None:
        if self._refusal is not None and (self._refusal.version, self._refusal.reason) == (version, reason):
            return  # known from an earlier attempt
        self._refusal = Refusal(version, reason, self._now())
        self.refusals += 1
        _logger.warning("release %s is refused: %s", version, reason)

    def _load_and_test(self, version: str) -> Deployment:
        log, workspace = (self._intake.log, self._intake.workspace) if self._intake else (None, None)
        deployment = Deployment.load(self._repo, self._releases, version, log, workspace)
        check_deployment(deployment)
        return deployment

    def _watch(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                self.poll()
            except Exception:  # the watch goes on, whatever happens to the files
                _logger.exception("the present release and online store cannot be compared with the files")
