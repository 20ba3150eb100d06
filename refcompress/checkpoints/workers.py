"""Who works: an executor that was given, or processes of this machine, and the implementation that computes."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import NotBuilt
from .work import implementation_named

__all__ = ["executor_of", "fastest"]


def fastest() -> Any:
    """Return native where it is built, else the reference."""
    try:
        return implementation_named("refcompress.native")
    except NotBuilt:
        return implementation_named("refcompress.reference")


@contextmanager
def executor_of(executor: Any, jobs: int) -> Iterator[Any]:
    """Give the executor, or one of local processes; these end with the run, and Ctrl-C is the parent's to answer."""
    if executor is not None:
        yield executor
        return
    import multiprocessing  # which no other run needs
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_alone)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """Make a process one of several: it leaves Ctrl-C to its parent, ends when that is killed, and has one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        implementation_named("refcompress.native").threads.set(1)
    except NotBuilt:
        return


def _end_with_parent() -> None:
    """End this process when its parent has ended: a worker that waits for work would wait for ever."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
