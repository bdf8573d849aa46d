"""Reads of feature tables, which take longer than candidates: one at a time, in a thread of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from serving.errors import overloaded

Result = TypeVar("Result")

MAX_WAITING: Final = 8


class TableReads:
    """Reads feature tables one after the other; candidates do not wait for them, and more than a few are refused."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "tables")
        self._waiting = 0

    async def read(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns. A function whose caller was cancelled meanwhile is not called.

        Raises:
            RequestError: `MAX_WAITING` reads are waiting already.
        """
        if self._waiting >= MAX_WAITING:
            raise overloaded(f"{self._waiting} requests wait for the feature tables: try again later.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function)
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """End after the read in progress."""
        self._executor.shutdown(cancel_futures=True)
