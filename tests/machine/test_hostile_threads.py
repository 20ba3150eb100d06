"""Hostile threads and signals: too few threads, Ctrl-C, an interpreter that ends, many callers at once."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from implementations import native, needs_native
from interrupt import seconds_to_answer

from refcompress import (
    reference,
)

F = np.float32


def run(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "True\n", done.stderr


@needs_native
def test_where_the_system_gives_no_more_threads_those_that_there_are_do_the_work():
    run("""
import threading, numpy as np
from refcompress import native
start = threading.Thread.start
def few(self):
    if threading.active_count() > 2:
        raise RuntimeError("can't start new thread")
    start(self)
threading.Thread.start = few
native.threads.set(4096)
x = np.ones((2000, 1000), np.int8)
print(all(bool((native.gemm_s8s8(x, x) == 1000).all()) for _ in range(5)))
""")


@needs_native
def test_ctrl_c_while_threads_are_sent_for_ends_the_work():
    run("""
import concurrent.futures, numpy as np
from refcompress import native
from refcompress.native import threads
threads.SERIAL_SECONDS = 0
threads.set(3)
submit, calls, chunks = concurrent.futures.ThreadPoolExecutor.submit, [], []
def interrupted(self, *args):
    calls.append(args)
    if len(calls) == 2:
        raise KeyboardInterrupt
    return submit(self, *args)
concurrent.futures.ThreadPoolExecutor.submit = interrupted
import time
def kernel(begin, end):
    time.sleep(0.01)
    chunks.append(begin)
try:
    threads.run(kernel, 1000, 20)
except KeyboardInterrupt:
    n = len(chunks)
    time.sleep(0.1)
    print(len(chunks) == n < 50)
""")


@needs_native
def test_kernels_run_while_the_interpreter_ends():
    run("""
import atexit, numpy as np
from refcompress import native
native.threads.set(2)
x = np.ones((2000, 1000), np.int8)
atexit.register(lambda: print(bool((native.gemm_s8s8(x, x) == 1000).all())))
""")


@needs_native
def test_many_threads_that_call_at_once_get_the_bits_of_one():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((300, 400)).astype(F)
    a = reference.csr_from_dense(w, rng.random(w.shape) < 0.3)
    x = rng.standard_normal((400, 333)).astype(F)
    calls = [lambda: native.csr_matmul(a, x), lambda: native.quantize_s8(w, axis=0).values,
             lambda: native.gemm_f32s8(x.T, native.quantize_s8(w, group=32)),
             lambda: native.share_kmeans(w, bits=4).codes]
    expected, differ = [call() for call in calls], []

    def repeat():
        for _ in range(5):
            differ.extend(i for i, call in enumerate(calls) if not np.array_equal(call(), expected[i]))

    workers = [threading.Thread(target=repeat) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not differ


@needs_native
@pytest.mark.parametrize("m, k, n, rows", [(1, 500, 3000, 1), (3, 200, 2100, 1), (40, 300, 1700, 1), (5, 64, 77, 5)])
def test_a_sparse_product_split_by_columns_has_the_same_bits(m, k, n, rows, monkeypatch):
    """All entries in few rows: where a single one is more than a chunk of work, columns are handed out."""
    rng = np.random.default_rng(m)
    w = np.zeros((m, k), F)
    w[:rows] = rng.standard_normal((rows, k))
    a, x = reference.csr_from_dense(w), rng.standard_normal((k, n)).astype(F)
    expected = native.at("portable").csr_matmul(a, x)
    for seconds in (1e-9, 1e-5, 1e-4):
        monkeypatch.setattr(native.threads, "CHUNK_SECONDS", seconds)
        for impl in native.available():
            assert np.array_equal(impl.csr_matmul(a, x).view(np.uint32), expected.view(np.uint32))


@needs_native
@pytest.mark.parametrize("m", [1, 200])
def test_ctrl_c_is_answered_within_200_ms_where_one_row_has_all_the_work(m):
    setup = f"""
import numpy as np
from refcompress import CSR, native
k, n = 2000, 50_000
indptr = np.full({m} + 1, k)
indptr[0] = 0
a, x = CSR(({m}, k), indptr, np.arange(k), np.ones(k, np.float32)), np.ones((k, n), np.float32)
"""
    assert seconds_to_answer(setup, 'native.at("portable").csr_matmul(a, x)', enough=0.2) < 0.2
