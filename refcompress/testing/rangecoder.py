"""The cases of the rangecoder family: rows and columns of every length, no weights, and only weights."""

from functools import cache

import numpy as np

from .. import reference
from ..errors import CorruptError
from .cases import Cases
from .draws import array, composite, st
from .values import LENGTHS, not_arrays, other_dimensions
from .written import written

CASES: dict[str, Cases] = {}


# rangecoder_encode

def matrices(rng):
    """Yield (codes, alphabet): rows and columns of every length, no weights and only weights, and middle sizes."""
    for i, length in enumerate(LENGTHS):
        for shape in ((3, length), (length, 2)):
            alphabet = (1, 2, 3, 9, 17, 256)[(i + shape[0]) % 6]
            density = (0.1, 0.5, 0, 1)[i % 4]
            yield (rng.integers(0, alphabet, shape) * (rng.random(shape) < density)).astype(np.uint8), alphabet
    columns = rng.random(130) ** 4
    yield ((rng.random((24, 130)) < columns) * rng.integers(1, 6, (24, 130))).astype(np.uint8), 6
    yield np.eye(67, dtype=np.uint8), 2
    yield np.zeros((12, 400), np.uint8), 5
    yield np.full((60, 60), 4, np.uint8), 6  # every bit a 1: in fewer of them no probability reaches its upper end


def _lanes(number: int, codes: np.ndarray) -> list[dict[str, int]]:
    """Return by which lanes a matrix of the sweep is coded: one, and some by sixteen too."""
    return [{}, {"lanes": 16}] if min(codes.shape) > 10 or number % 6 == 0 else [{}]


def rangecoder_encode_sweep():
    for number, (codes, alphabet) in enumerate(matrices(np.random.default_rng(51))):
        for lanes in _lanes(number, codes):
            yield (codes,), {"alphabet": alphabet, **lanes}


def rangecoder_encode_refusals():
    codes = np.uint8([[0, 2, 1], [0, 0, 3]])
    for bad in (*not_arrays(codes), *other_dimensions(codes)):
        yield (bad,), {"alphabet": 4}
    for alphabet in (0, 3, 257, -1, True, 4.0, None):
        yield (codes,), {"alphabet": alphabet}
    for lanes in (0, 2, 15, 17, True, 16.0, None):
        yield (codes,), {"alphabet": 4, "lanes": lanes}


@composite
def _codes_draw(draw):
    alphabet = draw(st.sampled_from([1, 2, 3, 5, 16, 256]))
    shape = (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    elements = st.one_of(st.just(0), st.integers(0, alphabet - 1))
    return draw(array(np.uint8, shape, elements)), alphabet


@composite
def rangecoder_encode_strategy(draw):
    codes, alphabet = draw(_codes_draw())
    return (codes,), {"alphabet": alphabet, "lanes": draw(st.sampled_from([1, 16]))}


CASES["rangecoder_encode"] = Cases(rangecoder_encode_sweep, rangecoder_encode_refusals, rangecoder_encode_strategy)


# rangecoder_decode

@cache
def _encoded() -> list[tuple[np.ndarray, dict]]:
    """Return what the sweep decodes: encoded once, for many checks sweep over it."""
    return [(written("rangecoder_encode")(codes, alphabet=alphabet, **lanes),
             {"shape": codes.shape, "alphabet": alphabet, **lanes})
            for number, (codes, alphabet) in enumerate(matrices(np.random.default_rng(52)))
            for lanes in _lanes(number, codes)]


def rangecoder_decode_sweep():
    for data, keywords in _encoded():
        yield (data.copy(),), keywords


def corrupt():
    """Yield bytes that no encoder writes: codes beyond the alphabet, and bytes cut, added, changed."""
    rng = np.random.default_rng(53)
    for alphabet in (3, 5, 100, 256):
        for shape in ((1, 3), (17, 4)):
            codes = rng.integers(0, alphabet, shape).astype(np.uint8)
            codes[-1, -1], codes[0, 0] = alphabet - 1, alphabet - 1
            for lanes in (1, 16):
                data = reference.rangecoder_encode(codes, alphabet=alphabet, lanes=lanes)
                changed = [data ^ (np.arange(len(data)) == at).astype(np.uint8) * np.uint8(bit)
                           for at in (0, len(data) // 2, len(data) - 1) for bit in (1, 0x40)]
                for bad, less in [(data, alphabet - 1), (data[:-1], alphabet), (data[: len(data) // 2], alphabet),
                                  *((other, alphabet) for other in changed)]:
                    how = {"shape": shape, "alphabet": less, "lanes": lanes}
                    try:
                        reference.rangecoder_decode(bad, **how)
                    except CorruptError:
                        yield (bad,), how


def rangecoder_decode_refusals():
    codes = np.uint8([[0, 2, 1], [0, 0, 3]])
    data = reference.rangecoder_encode(codes, alphabet=4)
    good = {"shape": (2, 3), "alphabet": 4}
    for bad in (*not_arrays(data), data[None], np.append(data, np.uint8(0)), np.append(data, np.uint8(7))):
        yield (bad,), good
    yield from corrupt()
    for shape in ((0, 3), (2, 0), (0, 0)):  # without codes there are no bytes
        for left in (data, np.uint8([0]), np.uint8([1, 2])):
            yield (left,), good | {"shape": shape}
            yield (left,), good | {"shape": shape, "lanes": 16}
    for shape in ((2,), (2, 3, 1), (-2, 3), (2.0, 3), None, (2**40, 2**40), (2**20, 2**20)):
        yield (data,), good | {"shape": shape}
    for alphabet in (0, 3, 257, True, None):
        yield (data,), good | {"alphabet": alphabet}
    for lanes in (0, 2, 17, True, None):
        yield (data,), good | {"lanes": lanes}


@composite
def rangecoder_decode_strategy(draw):
    codes, alphabet = draw(_codes_draw())
    lanes = draw(st.sampled_from([1, 16]))
    data = reference.rangecoder_encode(codes, alphabet=alphabet, lanes=lanes)
    return (data,), {"shape": codes.shape, "alphabet": alphabet, "lanes": lanes}


CASES["rangecoder_decode"] = Cases(rangecoder_decode_sweep, rangecoder_decode_refusals, rangecoder_decode_strategy)
