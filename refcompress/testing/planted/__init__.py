"""Wrong kernels that ``check`` must catch, and right ones, of another order of summation, that it must pass.

Each of WRONG has one bug of a kind that has been shipped somewhere. A check that was never seen to fail has shown
nothing. Both are lists of (name, operation, function).
"""

from . import floats, formats, products, prune, quantize

RIGHT = products.RIGHT
WRONG = products.WRONG + formats.WRONG + floats.WRONG + prune.WRONG + quantize.WRONG
