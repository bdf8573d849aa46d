"""A second release that serves a share of the users, to compare it with the first one (an A/B test)."""

import hashlib
from dataclasses import dataclass
from typing import Final

from serving.release_switch import ReleaseSwitch

_BYTES: Final = 8


@dataclass(frozen=True, eq=False)
class SecondRelease:
    """A second release, and its share of the users.

    Attributes:
        switch: holds its deployment.
        share: of the users, above 0 and below 1.
    """

    switch: ReleaseSwitch
    share: float

    def serves(self, user_id: str) -> bool:
        """Return whether it serves a user: always the same answer for a release, a share and an id.

        With a larger share it serves the same users and others.
        """
        return user_fraction(user_id, self.switch.current.version) < self.share


def user_fraction(user_id: str, release: str) -> float:
    """Return a number from 0 to below 1 that depends on the user and the release: each test divides users anew."""
    digest = hashlib.sha256(f"{release}\n{user_id}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big") / float(1 << 8 * _BYTES)
