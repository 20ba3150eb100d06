"""Bug hunts: a wrong kernel of the catalogue is dealt, and the learner hands in an input on which it fails.

:func:`kernel` is the wrong kernel of a hunt's folder, :func:`save` writes an input, and :func:`shown` shows a result.
To be read from :mod:`deal` on, which says what is dealt; :mod:`plain` has the random inputs, and :mod:`luck` throws
them at a kernel: a bug that they find is not dealt. :mod:`inputs` is the file that is handed in, and :mod:`tries` what
it is worth.
"""

from .inputs import save
from .tries import kernel, shown

__all__ = ["kernel", "save", "shown"]
