"""What the operations of the rangecoder family must refuse."""

import numpy as np

from ... import reference
from ..values import not_arrays, other_dimensions


def rangecoder_encode():
    codes = np.uint8([[0, 2, 1], [0, 0, 3]])
    for bad in (*not_arrays(codes), *other_dimensions(codes)):
        yield (bad,), {"alphabet": 4}
    for alphabet in (0, 3, 257, -1, True, 4.0, None):
        yield (codes,), {"alphabet": alphabet}


def rangecoder_decode():
    codes = np.uint8([[0, 2, 1], [0, 0, 3]])
    data = reference.rangecoder_encode(codes, alphabet=4)
    good = {"shape": (2, 3), "alphabet": 4}
    for bad in (*not_arrays(data), data[None], np.append(data, np.uint8(0)), np.append(data, np.uint8(7))):
        yield (bad,), good
    for shape in ((2,), (2, 3, 1), (-2, 3), (2.0, 3), None, (2**40, 2**40), (2**20, 2**20)):
        yield (data,), good | {"shape": shape}
    for alphabet in (0, 3, 257, True, None):
        yield (data,), good | {"alphabet": alphabet}


REFUSALS = {f.__name__: f for f in (rangecoder_encode, rangecoder_decode)}
