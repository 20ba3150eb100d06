"""Ctrl-C at any moment: what it leaves behind, and how long a call takes to answer it."""

import itertools
import signal
import subprocess
import sys
import threading
import time

CHILD = """
import signal, time
# A job in the background of a shell starts with the signal ignored, and so would this child.
signal.signal(signal.SIGINT, signal.default_int_handler)
{setup}
for _ in range(8):
    try:
        print("ready", flush=True)
        while True:
            {call}
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
"""


def seconds_to_answer(setup: str, call: str, enough: float) -> float:
    """Return the seconds between SIGINT and the exception out of ``call``, the best of eight: a busy machine may delay
    one.

    Stops as soon as one is below ``enough``. A call that answers none within a minute is killed, and fails the test.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(setup=setup, call=call)], stdout=subprocess.PIPE, text=True
    )
    guard = threading.Timer(60, child.kill)
    guard.start()
    best = float("inf")
    try:
        for _ in range(8):
            assert child.stdout.readline() == "ready\n"
            time.sleep(0.1)
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            best = min(best, float(child.stdout.readline()) - sent)
            if best < enough:
                break
    finally:
        guard.cancel()
        child.kill()
        child.wait()
        child.stdout.close()
    return best


def at_every_bytecode(act):
    """Call ``act`` with a KeyboardInterrupt before its first bytecode, before its second, and so on; yield what it
    raised.

    Ends after the first call that had no more bytecodes, in Python code outside of this file and of ``act`` itself.
    """
    here = {__file__, act.__code__.co_filename}
    for step in itertools.count():
        left = step

        def trace(frame, event, argument):
            nonlocal left
            if frame.f_code.co_filename in here:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
            return trace

        raised, before = None, sys.gettrace()
        sys.settrace(trace)
        try:
            act()
        except BaseException as error:
            raised = error.with_traceback(None)
            raised.__context__ = raised.__cause__ = None
        finally:
            sys.settrace(before)
        yield raised
        if left >= 0:
            return
