import threading

import pytest
from threadpoolctl import threadpool_info

from candidates.parallel import map_in_threads


def test_results_come_in_the_order_of_the_blocks():
    first_may_end = threading.Event()

    def double(block):
        if block == 0:
            first_may_end.wait(5)
        first_may_end.set()
        return 2 * block

    assert list(map_in_threads(double, range(5), threads=2)) == [0, 2, 4, 6, 8]


def test_blocks_are_read_when_they_are_needed():
    read = []

    def blocks():
        for number in range(10):
            read.append(number)
            yield number

    results = map_in_threads(str, blocks(), threads=2)

    assert next(results) == "0"
    assert read == [0, 1, 2]
    assert list(results) == list("123456789")


def test_an_error_in_a_block_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda block: 1 // block, [1, 0, 2], threads=2))


def test_the_linear_algebra_library_uses_one_thread_per_block():
    limits = list(
        map_in_threads(lambda _: {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}, [0])
    )

    assert limits == [{1}]


def test_blocks_of_a_block_are_computed_in_its_own_thread():
    def threads_of(block):
        return {threading.get_ident(), *map_in_threads(lambda _: threading.get_ident(), range(4), threads=2)}

    assert [len(threads) for threads in map_in_threads(threads_of, range(3), threads=2)] == [1, 1, 1]
    assert threading.get_ident() not in set(map_in_threads(lambda _: threading.get_ident(), range(2), threads=2))
