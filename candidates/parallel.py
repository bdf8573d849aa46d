"""Blocks of work in threads: compiled code and the linear algebra library do not hold the interpreter's lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

_Block = TypeVar("_Block")
_Result = TypeVar("_Result")


def map_in_threads(
    function: Callable[[_Block], _Result], blocks: Iterable[_Block], threads: int | None = None
) -> Iterator[_Result]:
    """Yield the result for each block, in the order of the blocks.

    While it runs, the linear algebra library uses one thread per block: threads that wait for each other at every
    matrix product are slower than as many independent ones. At most one block more than threads is taken from `blocks`
    ahead of the results that were used.

    Args:
        function: called with each block in one of the threads. Its result must not depend on other blocks.
        blocks: read in the calling thread.
        threads: at least 1; None for one thread per available processor.
    """
    threads = threads or available_processors()
    running: deque[Future[_Result]] = deque()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
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


def available_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
