"""Micro-batches: order, bounds, failures and cancelled work."""

import asyncio
import threading
from contextlib import contextmanager

import pytest

from serving.batcher import Batcher
from serving.errors import RequestError


@contextmanager
def batching(compute, *, max_pending=100, max_block=8):
    batcher = Batcher(compute, max_pending=max_pending, max_block=max_block)
    batcher.start()
    try:
        yield batcher
    finally:
        batcher.stop()


class Recorder:
    """Doubles numbers, and waits in the first block until it may go on."""

    def __init__(self):
        self.blocks, self.started, self.may_go_on = [], threading.Event(), threading.Event()

    def __call__(self, works):
        self.blocks.append(list(works))
        self.started.set()
        assert self.may_go_on.wait(10)
        return [2 * work for work in works]


async def while_busy(recorder, batcher, submit):
    """Submit work while a first block is computed, and return all results."""
    first = asyncio.create_task(batcher.submit(0))
    await asyncio.to_thread(recorder.started.wait, 10)
    others = [asyncio.create_task(each) for each in submit(batcher)]
    await asyncio.sleep(0.05)
    recorder.may_go_on.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


def test_what_arrives_while_a_block_is_computed_is_computed_together():
    recorder = Recorder()

    with batching(recorder, max_block=3) as batcher:
        found = asyncio.run(while_busy(recorder, batcher, lambda batcher: [batcher.submit(n) for n in (1, 2, 3, 4)]))

    assert [result for result, _ in found] == [0, 2, 4, 6, 8]
    assert recorder.blocks == [[0], [1, 2, 3], [4]]
    assert all(waited >= 0 for _, waited in found)
    assert found[1][1] >= 0.04
    assert batcher.pending == 0


def test_a_block_is_complete_when_its_weights_are():
    recorder = Recorder()

    with batching(recorder, max_block=3) as batcher:
        asyncio.run(while_busy(recorder, batcher, lambda batcher: [batcher.submit(1, 50), batcher.submit(2)]))

    assert recorder.blocks == [[0], [1], [2]]


def test_more_than_may_wait_is_refused_at_once_and_accepted_again_later():
    recorder = Recorder()

    with batching(recorder, max_pending=3) as batcher:
        found = asyncio.run(while_busy(recorder, batcher, lambda batcher: [batcher.submit(n) for n in (1, 2, 3)]))
        later, _ = asyncio.run(batcher.submit(5))

    refused = found[-1]
    assert isinstance(refused, RequestError)
    assert (refused.status, refused.headers) == (503, {"Retry-After": "1"})
    assert [result for result, _ in found[:-1]] == [0, 2, 4]
    assert later == 10


def test_a_single_piece_larger_than_the_bound_is_computed_when_nothing_waits():
    with batching(list, max_pending=3) as batcher:
        assert asyncio.run(batcher.submit("all users", 100))[0] == "all users"


def test_one_failure_does_not_fail_the_others_of_its_block():
    def divide(works):
        return [6 / work for work in works]

    recorder = Recorder()

    def compute(works):
        recorder(works)
        return divide(works)

    async def submit():
        first = asyncio.create_task(batcher.submit(1))
        await asyncio.to_thread(recorder.started.wait, 10)
        others = [asyncio.create_task(batcher.submit(n)) for n in (2, 0, 3)]
        await asyncio.sleep(0.05)
        recorder.may_go_on.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    with batching(compute) as batcher:
        one, two, failed, three = asyncio.run(submit())

    assert (one[0], two[0], three[0]) == (6, 3, 2)
    assert isinstance(failed, ZeroDivisionError)


def test_cancelled_work_is_not_computed_and_gives_its_room_back():
    recorder = Recorder()

    async def submit():
        first = asyncio.create_task(batcher.submit(1))
        await asyncio.to_thread(recorder.started.wait, 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.submit(2), 0.05)
        recorder.may_go_on.set()
        return await first

    with batching(recorder) as batcher:
        assert asyncio.run(submit())[0] == 2

    assert 2 not in [work for block in recorder.blocks for work in block]
    assert batcher.pending == 0


def test_submitted_work_is_finished_when_it_stops():
    recorder = Recorder()
    recorder.may_go_on.set()
    batcher = Batcher(recorder, max_pending=10, max_block=2)

    async def submit():
        tasks = [asyncio.create_task(batcher.submit(n)) for n in range(5)]
        await asyncio.sleep(0)
        batcher.start()
        await asyncio.to_thread(batcher.stop)
        return await asyncio.gather(*tasks)

    assert [result for result, _ in asyncio.run(submit())] == [0, 2, 4, 6, 8]
