"""Wrong kernels that ``check`` must catch, and right ones, of another order of summation, that it must pass.

Each of WRONG has one bug of a kind that has been shipped somewhere. A check that was never seen to fail has shown
nothing. Both are lists of (name, operation, function).
"""

from . import floats, formats, lowrank, products, prune, quantize, rangecoder, share

RIGHT = products.RIGHT + lowrank.RIGHT
WRONG = [
    *products.WRONG,
    *formats.WRONG,
    *floats.WRONG,
    *lowrank.WRONG,
    *prune.WRONG,
    *quantize.WRONG,
    *rangecoder.WRONG,
    *share.WRONG,
]
