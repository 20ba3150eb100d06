"""Mistakes that any solution can make, whatever its operation: in calling, in types, in what it leaves behind."""

from collections.abc import Callable

import numpy as np

from ..testing.states import CHECKS
from .lab import Failure, Lab, Mistake, raised, where

__all__ = ["FIRST", "LAST", "VALUES", "clause_of"]


def _says(*words: str) -> Callable[[Failure], bool]:
    return lambda failure: any(word in failure.reason for word in words)


def _empty(failure: Failure) -> bool:
    return "no elements" in failure.like.values


def _odd_layout(failure: Failure) -> bool:
    return bool(failure.like.layouts - {"contiguous", "at a guard page"})


def _numpy_number(failure: Failure) -> bool:
    return any(isinstance(value, np.generic) for value in failure.given.values())


# Those of calls, of memory and of types come before the lab's own: who changes an input needs no word on ties. Numbers
# of NumPy come in the last stage alone: the same input with a number of Python was right before.
FIRST = (
    Mistake("nothing written", "The function raises NotImplementedError for every input.", "",
            ("Replace the line `raise NotImplementedError(...)` by code of yours.",
             "Begin with the example at the end of the docstring: make that one work, and check again."),
            _says("offers nothing")),
    Mistake("crash", "The process ended in the middle of a call.", "",
            ("Call your function yourself on the input that is shown, and look where it ends.",),
            lambda failure: failure.kind == "crashed"),
    Mistake("never ends", "The function does not come back in time.", "",
            ("Call your function yourself on the input that is shown. Which loop goes on?",
             "Print what the loop's condition compares, and what changes it.",
             "Look at the ends: an empty array, a count of 0, one element."),
            lambda failure: failure.kind == "hung"),
    Mistake("input changed", "The function changes an array that belongs to its caller.", "GEN-3.2",
            ("Which statement writes to an argument? `a[...] =`, `a += b` and `a.sort()` do.",
             "A slice or a reshape of an array is a view: who writes to it writes to the array.",
             "Work on a copy of what you change."),
            _says("the input was modified", "memory beside the elements")),
    Mistake("shared memory", "The result is a view of an input, or of the result before.", "GEN-3.2",
            ("If the caller changes the input after the call, the result must stay. Does it?",
             "`np.asarray`, `reshape`, `ravel`, slices and `astype(copy=False)` may return the same memory.",
             "Make a fresh array for the result."),
            _says("shares memory")),
    Mistake("another result", "The same call gives another result the second time.", "GEN-3.3",
            ("What does your function remember from the first call?",
             "Look for default arguments that are lists, for global variables, and for `np.empty`.",
             "Are all random numbers drawn from a seed that the call begins with?"),
            _says("the second call on the same input")),
    Mistake("state", "The function keeps something from one call to the next.", "GEN-3.3",
            ("What does your function remember from the call before?",
             "A cache that is keyed by `id(array)` finds an array that has changed since.",),
            lambda failure: failure.reason.partition(":")[0] in {check.__name__ for check in CHECKS}),
    Mistake("keyword", "The function does not take an option that the operation has.", "",
            ("Compare the first line of your function with that of the stub.",
             "All names of options must stay as they are, with their defaults."),
            _says("unexpected keyword argument", "positional argument", "keyword-only argument")),
    Mistake("type", "The result has another type or dtype than the docstring says.", "GEN-3.4",
            ("Read the section Returns of the docstring: it names the type of each array.",
             "NumPy chooses a type of its own in many steps: sums of integers are int64, means are float64.",
             "Convert once, in the end: `astype`."),
            _says("got dtype", "got a ", "not one that can be compared")),
    Mistake("NumPy's numbers", "An option is a number of NumPy, such as np.uint8(4), and not one of Python. It must "
            "count the same, though its type may hold only small numbers, or few digits: an int8 ends at 127.",
            "GEN-3.7",
            ("What are `np.uint8(200) + 100` and `300 - np.uint8(200)`? One wraps round, and the other raises "
             "OverflowError, for NumPy 2 computes both in 8 bits. And `np.float32(0.1) * 5` is 0.5, but "
             "`float(np.float32(0.1)) * 5` is a little more.",
             "Make it a number of Python at the beginning: `int(bits)`, `float(scale)`."),
            where(_numpy_number)),
)

# Those of special inputs and of shapes come after the lab's own, which say more.
LAST = (
    Mistake("empty", "It fails on an input without elements.", "GEN-3.6",
            ("What should come out if nothing goes in? The section Returns says which shape each array has then.",
             "`max`, `min` and `mean` of nothing fail or give NaN, and `reshape(0, -1)` fails. Which of your steps has "
             "such a one?",
             "Say what the start value is (`initial=`), write sizes out in place of -1, or look at the size first."),
            where(_empty)),
    Mistake("layout", "It fails where an array does not lie in memory as usual: strides, byte order or alignment.",
            "GEN-3.1",
            ("The same numbers lie in memory in another way. Which of your steps looks at memory, not at numbers?",
             "`view`, `tobytes`, `frombuffer` and ctypes see the memory. Of a transposed or sliced array it is not "
             "in the order of the elements, and another byte order gives other numbers.",
             "A plain copy at the beginning makes every input the usual one."),
            where(_odd_layout)),
    Mistake("raises", "The function raises an exception on a valid input.", "",
            ("Call your function yourself on the input that is shown, and read the traceback from below.",
             "What is special about this input: its sizes, its values, its options?"),
            raised),
    Mistake("shape", "The result has another shape than the docstring says.", "GEN-3.4",
            ("Read the section Returns of the docstring: it gives the shape of each array.",
             "Compare both shapes that are shown. Which axis is missing, or which one is left over?"),
            _says("got shape", "items, expected")),
)

# What remains, where a lab has nothing of its own to say.
VALUES = Mistake("values", "The result has other values than it must have.", "",
                 ("Compute the input that is shown by hand, with the formula in the docstring.",
                  "Print what your function has after each of its steps, and compare with your sheet of paper."))


def clause_of(lab: Lab, mistake: Mistake) -> str:
    """Return the number of the clause that a mistake breaks; nothing where it is no matter of the result."""
    return mistake.clause or (lab.clause if mistake is VALUES else "")
