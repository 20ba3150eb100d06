"""The sweeps of the rangecoder family."""

import numpy as np

from ... import reference
from ..values import LENGTHS


def matrices(rng):
    """Yield (codes, alphabet): every length of rows and of columns, from no weights to nothing else, and middle sizes."""
    for i, length in enumerate(LENGTHS):
        for shape in ((3, length), (length, 2)):
            alphabet = (1, 2, 3, 9, 17, 256)[(i + shape[0]) % 6]
            density = (0.1, 0.5, 0, 1)[i % 4]
            yield (rng.integers(0, alphabet, shape) * (rng.random(shape) < density)).astype(np.uint8), alphabet
    columns = rng.random(130) ** 4
    yield ((rng.random((40, 130)) < columns) * rng.integers(1, 6, (40, 130))).astype(np.uint8), 6
    yield np.eye(90, dtype=np.uint8), 2
    yield np.zeros((50, 400), np.uint8), 5
    yield np.full((60, 60), 4, np.uint8), 6  # every bit a 1: probabilities are cut at their upper end


def rangecoder_encode():
    for codes, alphabet in matrices(np.random.default_rng(51)):
        yield (codes,), {"alphabet": alphabet}


def rangecoder_decode():
    for codes, alphabet in matrices(np.random.default_rng(52)):
        yield (reference.rangecoder_encode(codes, alphabet=alphabet),), {"shape": codes.shape, "alphabet": alphabet}


SWEEPS = {f.__name__: f for f in (rangecoder_encode, rangecoder_decode)}
