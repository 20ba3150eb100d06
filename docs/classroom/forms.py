"""The forms of an operation beside each other: checked to agree, then timed in turns, on the machine that builds."""

from refcompress import native, reference
from refcompress.ops import OPS
from refcompress.testing.clock import in_turns, timed

__all__ = ["forms"]


def forms(op: str, *args, seconds: float = 1.0, **kwargs) -> None:
    """Print how many times as fast as the NumPy reference each C form of ``op`` is on these arguments.

    Each form must first agree with the reference by the operation's own rule. Samples are taken in turns, for
    ``seconds`` in all, and the quickest of each counts: other lessons run at the same time. The forms have one thread;
    what BLAS has is the caller's (``make docs`` gives it one). A form that this machine cannot run is absent.
    """
    functions = {"NumPy": lambda: getattr(reference, op)(*args, **kwargs)}
    for space in native.available():
        if hasattr(space, op):
            functions[space.__name__.removeprefix("native.")] = (
                lambda space=space: getattr(space, op)(*args, **kwargs))
    first, threads = {}, native.threads.get()
    native.threads.set(1)
    try:
        for name, function in functions.items():
            first[name], got = timed(function, 1)
            if name == "NumPy":
                expected = got
            else:
                OPS[op].rule(expected, got, args, kwargs)
        samples = in_turns(functions, first, seconds, 3)
    finally:
        native.threads.set(threads)
    print(f"{op}: the same result from all; times as fast as NumPy, one thread")
    for name, taken in samples.items():
        print(f"  {name:<9} {min(samples['NumPy']) / min(taken):7.3g}")
