"""Reads of feature tables: one at a time, few that wait, none for callers that have left."""

import asyncio
import threading

import pytest

from serving.errors import RequestError
from serving.table_reads import MAX_WAITING, TableReads


@pytest.fixture
def reads():
    reads = TableReads()
    yield reads
    reads.stop()


def test_a_read_returns_its_result_and_raises_its_error(reads):
    def fail():
        raise KeyError("planted")

    assert asyncio.run(reads.read(lambda: 3)) == 3
    with pytest.raises(KeyError, match="planted"):
        asyncio.run(reads.read(fail))


def test_reads_run_one_at_a_time(reads):
    running, most = [], []

    def read():
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.02)
        running.pop()

    async def both():
        await asyncio.gather(*(reads.read(read) for _ in range(4)))

    asyncio.run(both())

    assert most == [1, 1, 1, 1]


def test_too_many_waiting_reads_are_refused_and_later_ones_are_served(reads):
    released = threading.Event()

    async def flood():
        waiting = [asyncio.create_task(reads.read(released.wait)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0.05)
        with pytest.raises(RequestError) as refused:
            await reads.read(lambda: 1)
        released.set()
        await asyncio.gather(*waiting)
        return refused.value, await reads.read(lambda: 2)

    error, later = asyncio.run(flood())

    assert (error.status, error.code, later) == (503, "overloaded", 2)


def test_a_read_whose_caller_has_left_is_not_begun(reads):
    released, begun = threading.Event(), []

    async def leave():
        first = asyncio.create_task(reads.read(released.wait))
        second = asyncio.create_task(reads.read(lambda: begun.append(1)))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0.05)
        released.set()
        await first
        return await reads.read(lambda: 4)

    assert asyncio.run(leave()) == 4
    assert begun == []
