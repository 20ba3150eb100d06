"""The forms of an operation beside each other: checked to agree, then timed in turns, on the machine that builds."""

from refcompress import native, reference
from refcompress.native._table import rows
from refcompress.ops import OPS
from refcompress.testing.clock import in_turns, timed

__all__ = ["forms"]


def forms(op: str, *args, seconds: float = 1.0, kernel: str | None = None, **kwargs) -> None:
    """Print how many times as fast as the NumPy reference each C form of ``op`` is on these arguments.

    kernel : the one C function that computes these arguments, where the operation has several. What has one form for
    all instruction sets has one line, "C", and an instruction set without a form of its own has none: it would differ
    from the form that it uses by noise alone.

    Each form must first agree with the reference by the operation's own rule. Samples are taken in turns, for
    ``seconds`` in all, and the quickest of each counts: other lessons run at the same time. Each has one thread. A form
    that this machine cannot run is absent.
    """
    functions = {"NumPy": lambda: getattr(reference, op)(*args, **kwargs)}
    for name, space in spaces(op, kernel).items():
        functions[name] = lambda space=space: getattr(space, op)(*args, **kwargs)
    first = {}
    with native.threads.one():
        for name, function in functions.items():
            first[name], got = timed(function, 1)
            if name == "NumPy":
                expected = got
            else:
                OPS[op].rule(expected, got, args, kwargs)
        samples = in_turns(functions, first, seconds, 3)
    print(f"{op}: all give the same result. How many times as fast as NumPy is each?")
    for name, taken in samples.items():
        print(f"  {name:<9} {min(samples['NumPy']) / min(taken):7.3g}")


def spaces(op: str, kernel: str | None = None) -> dict:
    """Return the implementations of an operation by the name of their line: one for each form that there is."""
    parts = native.parts(op) if kernel is None else (kernel,)
    own = [isa for isa, kernels, _ in rows() if set(parts) & set(kernels)]
    if own == ["portable"]:
        return {"C": native.at("portable")}
    named = {space.__name__.removeprefix("native."): space for space in native.available() if hasattr(space, op)}
    return {name: space for name, space in named.items() if name in own}
