"""How many threads the kernels use, and the pool that splits their rows.

Every kernel computes a row in the same way whoever runs it, so the number of threads changes no bit of any result. The
count is :func:`get` and :func:`set`; where threadpoolctl is installed, ``threadpool_limits`` sets it too.
"""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from .. import arguments
from ._call import in_default_mode

# Below this a second thread costs more than it brings: waking one takes tens of microseconds.
SERIAL_SECONDS = 0.0003
# A chunk runs without Python, so Ctrl-C waits for it: 15 ms, or 150 on a machine ten times slower than the estimate.
CHUNK_SECONDS = 0.015

_lock = threading.Lock()
_count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_pool: ThreadPoolExecutor | None = None


def get() -> int:
    """Return the number of threads that a large operation uses."""
    return _count


def set(count: int) -> None:
    """Use ``count`` threads (at least 1) from the next operation on."""
    global _count, _pool
    count = arguments.integer(count, "count", 1, 4096)
    with _lock:
        if count != _count:
            _count, _pool = count, None  # operations that run in the old pool keep it until they end


def run(kernel, rows: int, seconds: float, grain: int = 1) -> None:
    """Call ``kernel(begin, end)`` on ranges that cover range(rows), ``seconds`` being a rough guess for all of them.

    All ranges but the last have a multiple of ``grain`` rows.

    Chunks are handed out as threads become free. The first exception (Ctrl-C too) stops the handing out, waits for the
    chunks in flight and is raised. Where the system gives no more threads, or the interpreter is ending, those that
    there are do the work.
    """
    if rows == 0:
        return
    if seconds < SERIAL_SECONDS:
        kernel(0, rows)
        return
    workers = min(_count, rows)
    # Four chunks a thread even out threads of unequal speed; longer work has more of them, for Ctrl-C's sake.
    chunks = max(4 * workers if workers > 1 else 1, -(-seconds // CHUNK_SECONDS))
    size = max(1, int(-(-rows // (chunks * grain)))) * grain
    if size >= rows:
        kernel(0, rows)
        return
    begins = iter(range(0, rows, size))
    turn = threading.Lock()

    def stop():
        with turn:
            for _ in begins:  # nobody takes another chunk
                pass

    def work():
        try:
            while True:
                with turn:
                    begin = next(begins, None)
                if begin is None:
                    return
                kernel(begin, min(begin + size, rows))
        except BaseException:
            stop()
            raise

    if workers == 1:
        work()
        return
    helpers: list[Future] = [Future() for _ in range(workers - 1)]
    sent = [work]  # what the pool holds until a thread looks at it, which may be long after this call: emptied below
    try:
        try:
            for helper in helpers:
                _get_pool().submit(_help, helper, sent)
        except RuntimeError:  # no more threads; the pool may run later what it took all the same: hence our futures
            pass
        work()
    except BaseException:  # Ctrl-C may come while helpers are sent for, too
        stop()
        raise
    finally:
        waiting = [helper for helper in helpers if not helper.cancel()]
        errors = [helper.exception() for helper in waiting]
        sent.clear()  # the arrays of the call are not kept by a helper that came too late
    for error in errors:
        if error is not None:
            raise error


def each(function, items) -> list:
    """Return what map would, from several threads: for what is neither short nor all done in Python."""
    items = list(items)
    results = [None] * len(items)

    def some(begin, end):
        for i in range(begin, end):
            results[i] = function(items[i])

    run(some, len(items), CHUNK_SECONDS * len(items))
    return results


@contextmanager
def without_blas():
    """Keep BLAS at one thread meanwhile, if threadpoolctl is installed.

    After a call its other threads wait for the next one without sleeping, OpenBLAS's for 100 ms, where the kernels'
    threads should run: what alternates between the two took up to twice as long.
    """
    try:
        import threadpoolctl
    except ImportError:
        yield
        return
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def one():
    """Let the kernels and, if threadpoolctl is installed, BLAS have one thread each meanwhile.

    What is timed beside each other is timed so: on a busy machine threads of BLAS wait for each other, and a product
    of 64 rows took longer than one of 10,000.
    """
    count = get()
    set(1)
    try:
        with without_blas():
            yield
    finally:
        set(count)


@in_default_mode
def _help(helper: Future, sent: list) -> None:
    """Do the work that was sent in a thread of the pool, unless ``helper`` was cancelled before it began."""
    if helper.set_running_or_notify_cancel():
        try:
            helper.set_result(sent[0]())
        except BaseException as error:
            helper.set_exception(error)


def _get_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, _count - 1), thread_name_prefix="refcompress")
        return _pool


def _forget_after_fork() -> None:
    """A forked child has the pool's object and none of its threads: it makes its own when it needs one."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def _obey_threadpoolctl() -> None:
    """Let threadpoolctl find the kernels' library and set the count, if threadpoolctl is there."""
    try:
        import threadpoolctl
    except ImportError:
        return

    class RefcompressController(threadpoolctl.LibController):
        user_api = "refcompress"
        internal_api = "refcompress"
        filename_prefixes = ("_kernels.",)
        check_symbols = ("rc_kernels_at",)

        def get_num_threads(self):
            return get()

        def set_num_threads(self, num_threads):
            set(num_threads)

        def get_version(self):
            from .. import __version__

            return __version__

    threadpoolctl.register(RefcompressController)


_obey_threadpoolctl()
