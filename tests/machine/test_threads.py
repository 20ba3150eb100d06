"""Threads: their count, the pool, errors, fork and Ctrl-C."""

import gc
import os
import threading
import time
import weakref

import pytest
from implementations import need_native
from interrupt import seconds_to_answer
from programs import run

from refcompress.errors import RefcompressError

native = need_native()

from refcompress.native import threads  # noqa: E402


def test_the_count_of_threads_is_checked_and_obeys_threadpoolctl():
    before = threads.get()
    for bad in (0, -1, True, 1.5, "2"):
        with pytest.raises(RefcompressError, match="^count: "):
            threads.set(bad)
    assert threads.get() == before
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="it sets the threads of NumPy's BLAS")
    with threadpoolctl.threadpool_limits(1, user_api="refcompress"):
        assert threads.get() == 1
    assert threads.get() == before


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_gives_what_map_gives_in_its_order(count, workers):
    count(workers)
    items = (i / 7 for i in range(300))
    assert threads.each(lambda x: (time.sleep(0.0001), x * x)[1], items) == [(i / 7) ** 2 for i in range(300)]
    assert threads.each(str, []) == []
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda x: 1 / x, [1, 0, 2])


def test_without_blas_its_threads_are_back_afterwards_even_after_an_error():
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="it sets the threads of NumPy's BLAS")

    def counts():
        return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = counts()
        with pytest.raises(ZeroDivisionError), threads.without_blas():
            assert before and set(counts()) == {1}
            1 / 0
        assert counts() == before and set(before) == {2}


def test_one_is_one_thread_for_kernels_and_blas_and_both_are_back_afterwards(count):
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="it sets the threads of NumPy's BLAS")
    count(3)
    with pytest.raises(ZeroDivisionError), threads.one():
        assert threads.get() == 1
        assert {each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"} == {1}
        1 / 0
    assert threads.get() == 3


@pytest.mark.parametrize("fails_in", ["the caller", "the pool"])
def test_the_first_error_of_any_thread_is_raised_and_ends_the_work(count, fails_in):
    count(2)
    caller, done = threading.get_ident(), []

    def kernel(begin, end):
        done.append(begin)
        if (threading.get_ident() == caller) == (fails_in == "the caller"):
            raise ZeroDivisionError
        time.sleep(0.002)

    with pytest.raises(ZeroDivisionError):
        threads.run(kernel, 1000, 1000 * threads.CHUNK_SECONDS)
    assert len(done) < 500


def test_a_helper_that_comes_too_late_keeps_nothing_of_the_call(count):
    class Arrays:
        def chunk(self, begin, end):
            done.extend(range(begin, end))

    count(2)
    done, free = [], threading.Event()
    busy = threads._get_pool().submit(free.wait)
    arrays = Arrays()
    ref = weakref.ref(arrays)
    threads.run(arrays.chunk, 100, 100 * threads.CHUNK_SECONDS)
    del arrays
    gc.collect()
    try:
        assert ref() is None and done == list(range(100))
    finally:
        free.set()
        busy.result()


@pytest.fixture
def slow_pools(count, monkeypatch):
    """No pool to begin with, and one that takes its time to be made: what was made, and the moment when it begins."""
    class Slow(threads.ThreadPoolExecutor):
        def __init__(self, workers, **options):
            begun.set()
            time.sleep(0.1)
            super().__init__(workers, **options)
            made.append(self)

    begun, made = threading.Event(), []
    monkeypatch.setattr(threads, "ThreadPoolExecutor", Slow)
    monkeypatch.setattr(threads, "_pool", None)
    yield begun, made
    for pool in made:
        pool.shutdown()


def test_two_threads_that_need_the_pool_at_once_get_one_pool(slow_pools):
    got, others = [], [threading.Thread(target=lambda: got.append(threads._get_pool())) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert len(got) == 3 and got == 3 * slow_pools[1]


def test_a_count_that_is_set_while_a_pool_is_made_has_a_pool_of_its_own(slow_pools):
    begun, made = slow_pools
    threads.set(3)
    other = threading.Thread(target=threads._get_pool)
    other.start()
    begun.wait()
    threads.set(5)
    other.join()
    assert made[0]._max_workers == 2 and threads._get_pool()._max_workers == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_makes_threads_of_its_own():
    done = run("""
import os, numpy as np
from refcompress import native
native.threads.set(2)
x = np.ones((300, 500), np.int8)
expected = native.gemm_s8s8(x, x)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(native.gemm_s8s8(x, x), expected) else 1)
assert os.waitpid(child, 0)[1] == 0
""", "-W", "ignore::DeprecationWarning")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("sizes, workers", [((2000, 2000, 2000), 1), ((2000, 2000, 2000), 2), ((10_000, 12, 5000), 2)])
def test_ctrl_c_is_answered_within_200_ms(sizes, workers):
    """A kernel that cannot be interrupted takes seconds here."""
    setup = f"""
import numpy as np
from refcompress import formats, native
m, n, k = {sizes}
native.threads.set({workers})
x = np.ones((m, k), np.float32)
w = formats.Quantized(np.ones((n, k), np.int8), np.float32([[1]]), np.int8([[0]]))
native.at("portable").gemm_f32s8(x[:1], w)
"""
    assert seconds_to_answer(setup, 'native.at("portable").gemm_f32s8(x, w)', enough=0.2) < 0.2


def test_ctrl_c_is_answered_while_weights_are_sorted():
    """NumPy finds the order of so many in one call, which takes more than a second."""
    setup = """
import numpy as np
from refcompress import native
w = np.random.default_rng(0).standard_normal(16_000_000, dtype=np.float32)
importance = np.random.default_rng(1).random(16_000_000, dtype=np.float32)
"""
    assert seconds_to_answer(setup, "native.share_kmeans(w, bits=4, weights=importance)", enough=0.2) < 0.2
