"""A circuit breaker: what has failed is left alone for a while, and then tried by one request."""

import time
from collections.abc import Callable
from typing import Final

FIRST_PAUSE: Final = 0.5  # seconds
LONGEST_PAUSE: Final = 8.0


class CircuitBreaker:
    """Decides whether a resource that may be down is used. For one thread.

    Closed, it is used. A failure opens the breaker for a pause; after it, one attempt is made. If that fails, too, the
    next pause is twice as long, up to `LONGEST_PAUSE`; a success closes the breaker (Nygard, Release It!, 2018).

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause, self._until = 0.0, -float("inf")

    @property
    def is_open(self) -> bool:
        """Whether the last attempt failed."""
        return self._pause > 0

    @property
    def allows(self) -> bool:
        """Whether the resource may be used now."""
        return not self.is_open or self._clock() >= self._until

    def succeeded(self) -> None:
        """Record an attempt that succeeded."""
        self._pause = 0.0

    def failed(self) -> None:
        """Record an attempt that failed."""
        self._pause = min(2 * self._pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._until = self._clock() + self._pause
