"""Limits of requests and of the service: what is larger is refused, and what takes longer is ended."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MAX_K: Final = 1_000
MAX_BATCH: Final = 100
MAX_BATCH_CANDIDATES: Final = 10_000
MAX_EXCLUDED: Final = 1_000
MAX_SESSION_ITEMS: Final = 128  # as many as the query tower reads of a user
MAX_HISTORY: Final = 2_000
MAX_PURCHASED_NOW: Final = 16
MAX_FOUND_USERS: Final = 100
MAX_EVENTS: Final = 100
MAX_BODY_BYTES: Final = 512 * 1024


@dataclass(frozen=True)
class Limits:
    """Settings of a running service.

    Attributes:
        deadline: seconds within which a request is answered; above 0.
        activation_deadline: the same for a request that loads a release.
        pending_users: users that may wait for their candidates; further requests are refused.
        block_users: users whose candidates are computed together.
        stale_after: age from which features count as stale.
    """

    deadline: float = 1.0
    activation_deadline: float = 60.0
    pending_users: int = 256
    block_users: int = 8
    stale_after: timedelta = timedelta(days=2)
