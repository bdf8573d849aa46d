"""Micro-batches: requests that arrive while a block is computed are computed together in the next one.

A single thread computes, so that a lone request never waits for a batch to fill, and the online store's connection is
used by one thread. The queue is bounded: what does not fit is refused at once.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from serving.errors import overloaded

Work = TypeVar("Work")
Result = TypeVar("Result")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Entry(Generic[Work]):
    work: Work
    weight: int
    submitted: float
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class Batcher(Generic[Work, Result]):
    """Computes submitted work in blocks, in one thread.

    Args:
        compute: returns the results of a block of work, in its order, or why there is none of a piece. If it raises
            an error for several, each is tried alone.
        max_pending: largest sum of weights that may wait.
        max_block: a block is complete when its sum of weights reaches this; at least one piece of work.
    """

    def __init__(
        self, compute: Callable[[Sequence[Work]], Sequence[Result | Exception]], *, max_pending: int, max_block: int
    ) -> None:
        self._compute, self._max_pending, self._max_block = compute, max_pending, max_block
        self._queue: queue.SimpleQueue[_Entry[Work] | None] = queue.SimpleQueue()
        self._pending, self._lock = 0, threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="candidates", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after all submitted work."""
        self._queue.put(None)
        self._thread.join()

    @property
    def pending(self) -> int:
        """The sum of weights that wait or are being computed."""
        return self._pending

    async def submit(self, work: Work, weight: int = 1) -> tuple[Result, float]:
        """Return the result of some work, and the seconds that it waited before it was computed.

        Work whose caller was cancelled is not computed.

        Raises:
            RequestError: too much is waiting already.
        """
        with self._lock:
            if self._pending and self._pending + weight > self._max_pending:
                raise overloaded(f"{self._pending} users are waiting for candidates: try again later.")
            self._pending += weight
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[Result, float]] = loop.create_future()
        self._queue.put(_Entry(work, weight, time.perf_counter(), future, loop))
        return await future

    def _serve(self) -> None:
        ended = False
        while not ended:
            entries, ended = self._next_block()
            started = time.perf_counter()
            wanted = [entry for entry in entries if not entry.future.cancelled()]
            try:
                for entry, outcome in zip(wanted, self._outcomes([entry.work for entry in wanted]), strict=True):
                    self._hand_over(entry, outcome, started - entry.submitted)
            finally:
                with self._lock:
                    self._pending -= sum(entry.weight for entry in entries)

    def _next_block(self) -> tuple[list[_Entry[Work]], bool]:
        """Wait for work, and take what else has arrived; also return whether this is the last block."""
        entry = self._queue.get()
        entries: list[_Entry[Work]] = []
        while entry is not None:
            entries.append(entry)
            if sum(each.weight for each in entries) >= self._max_block:
                return entries, False
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return entries, False
        return entries, True

    def _outcomes(self, works: list[Work]) -> Sequence[Result | Exception]:
        if not works:
            return []
        try:
            return self._compute(works)
        except Exception as error:
            if len(works) == 1:
                return [error]
            _logger.exception("a block of %d requests failed, each is tried alone", len(works))
            return [outcome for work in works for outcome in self._outcomes([work])]

    def _hand_over(self, entry: _Entry[Work], outcome: Result | Exception, waited: float) -> None:
        def set_outcome() -> None:
            if entry.future.cancelled():
                return
            if isinstance(outcome, Exception):
                entry.future.set_exception(outcome)
            else:
                entry.future.set_result((outcome, waited))

        with contextlib.suppress(RuntimeError):  # the event loop has ended, and no request waits any more
            entry.loop.call_soon_threadsafe(set_outcome)
