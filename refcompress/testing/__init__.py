"""Check your own kernel: ``check(op, function)`` compares it with the reference, and shows an input on which it fails.

``samples(op)`` yields the fixed inputs, ``refusals(op)`` the calls to be refused, :mod:`guarded` makes arrays at guard
pages, :mod:`layouts` lays arrays out oddly, :mod:`planted` holds wrong kernels that a check must catch, and
:mod:`strategies` (the only module that imports Hypothesis) what Hypothesis draws from.
"""

from . import guarded, layouts  # noqa: F401
from .check import Report, arrays_of, check  # noqa: F401
from .refusals import refusals  # noqa: F401
from .samples import samples  # noqa: F401
