"""What else a machine does changes no verdict: time without a processor does not count, nor what a call imports."""

import multiprocessing
import os
import time

import pytest

from refcompress import reference, testing
from refcompress.testing.own_time import OwnTime

counts_waiting = pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"),
                                    reason="this system does not say how long a process has waited for a processor")


def _busy(core):
    os.sched_setaffinity(0, {core})
    while True:
        pass


@counts_waiting
def test_a_process_among_others_on_one_processor_uses_its_own_time_alone():
    before = os.sched_getaffinity(0)
    core = min(before)
    others = [multiprocessing.get_context("fork").Process(target=_busy, args=(core,), daemon=True) for _ in range(4)]
    try:
        os.sched_setaffinity(0, {core})
        for other in others:
            other.start()
        own = OwnTime()
        begun, by_the_clock, end = own(), time.monotonic(), time.process_time() + 0.2
        while time.process_time() < end:
            pass
        assert time.monotonic() - by_the_clock > 0.4
        assert 0.15 < own() - begun < 0.35
    finally:
        os.sched_setaffinity(0, before)
        for other in others:
            other.kill()
            other.join()


def test_a_process_that_sleeps_uses_its_time():
    own = OwnTime()
    begun = own()
    time.sleep(0.1)
    assert own() - begun > 0.09


@counts_waiting
def test_the_time_of_a_process_that_is_gone_is_that_of_its_last_moment():
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0.1,))
    process.start()
    other = OwnTime(process.pid)
    waited = other.waited()
    process.join()
    assert other.waited() == waited


SLOW = "import time\ntime.sleep(1.2)\n"


@pytest.mark.parametrize("isolate", [True, False])
def test_a_call_that_imports_a_library_first_is_no_hang(tmp_path, monkeypatch, isolate):
    (tmp_path / f"slow_library_{isolate}.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)

    def gemm_s8s8(x, w, *, x_zero_point=0):
        __import__(f"slow_library_{isolate}")
        return reference.gemm_s8s8(x, w, x_zero_point=x_zero_point)

    verdict = testing.check("gemm_s8s8", gemm_s8s8, limit=0.4, examples=0, states=False, isolate=isolate)
    assert verdict and not verdict.notes


def test_a_call_that_sleeps_longer_than_the_limit_is_one():
    def gemm_s8s8(x, w):
        time.sleep(1.2)
        return reference.gemm_s8s8(x, w)

    with pytest.raises(AssertionError) as caught:
        testing.check("gemm_s8s8", gemm_s8s8, limit=0.4, examples=0, states=False, explain=False)
    assert caught.value.verdict.kind == "hung"
