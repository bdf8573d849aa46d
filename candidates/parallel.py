"""Blocks of work in threads: compiled code and the linear algebra library do not hold the interpreter's lock."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

_Block = TypeVar("_Block")
_Result = TypeVar("_Result")

_this_thread = threading.local()


def map_in_threads(
    function: Callable[[_Block], _Result], blocks: Iterable[_Block], threads: int | None = None
) -> Iterator[_Result]:
    """Yield the result for each block, in the order of the blocks.

    While it runs, the linear algebra library uses one thread per block: threads that wait for each other at every
    matrix product are slower than as many independent ones. At most one block more than threads is taken from `blocks`
    ahead of the results that were used. In one of these threads, there are no further threads: the blocks are then
    computed one after the other.

    Args:
        function: called with each block in one of the threads. Its result must not depend on other blocks.
        blocks: read in the calling thread.
        threads: at least 1; None for one thread per available processor.
    """
    if getattr(_this_thread, "maps_blocks", False):
        yield from map(function, blocks)
        return
    threads = threads or available_processors()
    running: deque[Future[_Result]] = deque()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, initializer=_mark_thread) as pool:
        try:
            for block in blocks:
                running.append(pool.submit(function, block))
                if len(running) > threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def _mark_thread() -> None:
    _this_thread.maps_blocks = True


def threads_of_this_thread() -> int:
    """Return how many threads a library may use here: one in a thread of `map_in_threads`, else one per processor."""
    return 1 if getattr(_this_thread, "maps_blocks", False) else available_processors()


def available_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
