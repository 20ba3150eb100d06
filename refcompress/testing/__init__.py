"""Check your own kernel: ``check(op, function)`` compares it with the reference, and shows an input on which it fails.

``samples(op)`` yields the fixed inputs, ``refusals(op)`` the calls to be refused. :mod:`guarded` makes arrays at guard
pages, :mod:`layouts` lays arrays out oddly, :mod:`catalogue` holds wrong kernels that a check must catch and right ones
that it must pass. :mod:`clock` times what is compared.

What an operation is checked with stands in the file of its family. :mod:`cases` says what its three parts are;
:mod:`families` lists the families. Hypothesis is imported when it is drawn from, and only then.
"""

from . import catalogue, guarded, layouts, planted
from .check import Report, arrays_of, check
from .samples import refusals, samples

__all__ = ["Report", "arrays_of", "catalogue", "check", "guarded", "layouts", "planted", "refusals", "samples"]
