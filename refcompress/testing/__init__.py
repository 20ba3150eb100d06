"""Check your own kernel: ``check(op, function)`` compares it with the reference, and shows an input on which it fails.

``samples(op)`` yields the fixed inputs, ``refusals(op)`` the calls to be refused. :mod:`guarded` makes arrays at guard
pages, :mod:`layouts` lays arrays out oddly, :mod:`planted` holds wrong kernels that a check must catch. :mod:`clock`
times what is compared.

What an operation is checked with stands in the file of its family. :mod:`cases` says what its four parts are;
:mod:`families` lists the families. Hypothesis is imported when it is drawn from, and only then.
"""

from . import guarded, layouts, planted
from .bounds import assert_agrees, bound
from .check import Report, arrays_of, check
from .conforming import conformance, conforms
from .plain import plain
from .samples import refusals, samples

__all__ = ["Report", "arrays_of", "assert_agrees", "bound", "check", "conformance", "conforms", "guarded",
           "layouts", "plain", "planted", "refusals", "samples"]
