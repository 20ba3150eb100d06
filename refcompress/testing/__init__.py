"""Check your own kernel: ``check(op, function)`` compares it with the reference, and shows an input on which it fails.

The answer is a :class:`Verdict`. ``check_all(namespace)`` checks all operations that a module has.
``outcome(op, function, *args)`` judges one input, ``in_order`` the fixed ones up to one of them. ``samples(op)`` yields
the fixed inputs, ``refusals(op)`` the calls to be refused. :mod:`guarded` makes arrays at guard pages, :mod:`layouts`
lays arrays out oddly, :mod:`catalogue` holds wrong kernels that a check must catch and right ones that it must pass.
:mod:`clock` times what is compared.

To be read from :mod:`checking` on: :mod:`apart` calls the function in a process of its own, which is :mod:`child`,
:mod:`own_time` is its clock, :mod:`budget` has its seconds, :mod:`judge` says what came of an input, :mod:`results`
puts results at guard pages, :mod:`smaller` makes a wrong input smaller, :mod:`program` writes it down, :mod:`pattern`
says where else it is wrong, :mod:`verdict` is what the user reads.

What an operation is checked with stands in the file of its family. :mod:`cases` says what its three parts are;
:mod:`families` lists the families. Hypothesis is imported when it is drawn from, and only then.
"""

from . import catalogue, guarded, layouts, memory, planted, states
from .bounds import assert_agrees, bound
from .checking import check, check_all
from .clauses import clause
from .conforming import conformance, conforms
from .contiguous import plain
from .judge import arrays_of
from .outcomes import in_order, outcome
from .sampling import refusals, samples
from .task import loaded
from .verdict import Verdict

__all__ = ["Verdict", "arrays_of", "assert_agrees", "bound", "catalogue", "check", "check_all", "clause", "conformance",
           "conforms", "guarded", "in_order", "layouts", "loaded", "memory", "outcome", "plain", "planted", "refusals",
           "samples", "states"]
