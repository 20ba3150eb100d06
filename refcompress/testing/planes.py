"""The cases of the planes family: every type of element, every length, the patterns at both ends."""

import numpy as np

from .. import reference
from ..errors import CorruptError
from ..formats.element_types import ELEMENT_TYPES
from .cases import Cases
from .draws import array, composite, shapes, st
from .values import LENGTHS
from .written import written

CASES: dict[str, Cases] = {}
OF_SIZE = [[name for name, e in ELEMENT_TYPES.items() if e.pattern.itemsize == size] for size in (1, 2, 4, 8)]


def bits_of(type: str) -> int:
    return 1 if type == "bool" else ELEMENT_TYPES[type].bits


def random_patterns(rng, shape, type: str) -> np.ndarray:
    """Return patterns of which about every fifth is all zeros, all ones, or has the highest bit or the lowest alone."""
    bits, dtype = bits_of(type), ELEMENT_TYPES[type].pattern
    ends = np.array([0, 2**bits - 1, 2 ** (bits - 1), 1], np.uint64)
    any_of = rng.integers(0, 2**bits - 1, shape, np.uint64, endpoint=True)
    return np.where(rng.random(shape) < 0.2, ends[rng.integers(0, 4, shape)], any_of).astype(dtype)


# planes_split

def planes_split_sweep():
    rng = np.random.default_rng(61)
    for length in LENGTHS:
        for i, types in enumerate(OF_SIZE):
            type, shape = types[length % len(types)], ((length,), (1, length), (length, 1))[(length // 3 + i) % 3]
            yield (random_patterns(rng, shape, type), type), {}
    for type in ELEMENT_TYPES:
        yield (random_patterns(rng, (), type), type), {}
        yield (random_patterns(rng, (3, 0, 2), type), type), {}
        yield (random_patterns(rng, (5, 3, 131), type), type), {}


def planes_split_refusals():
    for type, element in ELEMENT_TYPES.items():
        good = np.ones(3, element.pattern)
        for bad in (None, "text", good.tolist(), np.ma.masked_array(good, mask=[False] * 3), good.astype(object),
                    good.astype(f"i{good.itemsize}"), good.astype(np.float32),
                    good.astype(np.uint16 if good.itemsize != 2 else np.uint32)):
            yield (bad, type), {}
        if bits_of(type) < 8:
            for beyond in (2 ** bits_of(type), 255):
                yield (np.uint8([[1, 0], [beyond, 255]]), type), {}
    for bad in (None, 3, "float", "FLOAT32", "e4m3", "", np.dtype(np.float32)):
        yield (np.uint32([1]), bad), {}


@composite
def planes_split_strategy(draw):
    type = draw(st.sampled_from(list(ELEMENT_TYPES)))
    highest = 2 ** bits_of(type) - 1
    elements = st.one_of(st.integers(0, highest), st.sampled_from([0, highest, highest // 2 + 1]))
    return (draw(array(ELEMENT_TYPES[type].pattern, draw(shapes()), elements)), type), {}


CASES["planes_split"] = Cases(planes_split_sweep, planes_split_refusals, planes_split_strategy)


# planes_join

def planes_join_sweep():
    for (patterns, type), _ in planes_split_sweep():
        planes = reference.planes_split(patterns, type)
        yield (planes if patterns.size % 2 else list(planes), type), {}


def planes_join_refusals():
    for type in ELEMENT_TYPES:
        planes = reference.planes_split(random_patterns(np.random.default_rng(62), 6, type), type)
        for bad in (None, "text", planes[0], planes[:-1], (*planes, planes[0]), ()):
            yield (bad, type), {}
        for i, plane in enumerate(planes):
            others = [None, plane.tolist(), plane[None], plane.astype(np.int8), plane.astype(np.uint32),
                      np.ma.masked_array(plane, mask=np.zeros(len(plane), bool))]
            if len(planes) > 1:
                others += [plane[:-1], np.append(plane, plane)]
            for bad in others:
                yield ((*planes[:i], bad, *planes[i + 1 :]), type), {}
    for type, i, beyond in (("bool", 0, 2), ("uint2", 0, 4), ("fp6_e2m3", 0, 64), ("float64", 0, 2**11),
                            ("float64", 1, 32)):
        planes = reference.planes_split(np.zeros(3, ELEMENT_TYPES[type].pattern), type)
        planes[i][1] = beyond
        yield (planes, type), {}
    yield ((np.uint8([1]),) * 4, "complex64"), {}
    for bad in (None, 3, "float", ""):
        yield ((np.uint8([1]),), bad), {}


@composite
def planes_join_strategy(draw):
    (patterns, type), _ = draw(planes_split_strategy())
    return (reference.planes_split(patterns, type), type), {}


CASES["planes_join"] = Cases(planes_join_sweep, planes_join_refusals, planes_join_strategy)


# planes_encode

CODED = [name for name in ELEMENT_TYPES if name != "float64"]
SHORT = (0, 1, 2, 7, 8, 9, 63, 64, 65, 130, 300, 1100)


def alike(rng, size: int, type: str, kind: int) -> np.ndarray:
    """Return patterns of chance, of few values, of zeros, of one value, or small ones of which few are large."""
    highest = 2 ** bits_of(type) - 1
    dtype = ELEMENT_TYPES[type].pattern
    if kind == 0:
        return random_patterns(rng, size, type)
    if kind == 1:
        return rng.choice(random_patterns(rng, 5, type), size)
    if kind == 2:
        return np.zeros(size, dtype)
    if kind == 3:
        return np.full(size, highest // 3, dtype)
    return np.minimum(rng.geometric(0.2, size) - 1, min(highest, 2**62)).astype(dtype)


def in_blocks():
    """Yield patterns whose planes change, at a unit of 2^16 symbols or beside it."""
    rng = np.random.default_rng(66)
    for cut, size in ((2**16, 2**16 + 2000), (2**16 + 99, 2**17)):
        codes = np.minimum(rng.geometric(0.2, size) - 1, 15).astype(np.uint8)
        codes[cut:] = rng.integers(0, 4, size - cut) if size < 2**17 else 0
        yield codes, "uint8"
    chance = rng.integers(0, 256, 2**16 + 9000).astype(np.uint16)
    chance[2**16 :] //= 32
    yield chance, "uint16"


def planes_encode_sweep():
    rng = np.random.default_rng(63)
    for i, size in enumerate(SHORT):
        for type in CODED[i % 4 :: 4]:
            yield (alike(rng, size, type, (i + len(type)) % 5), type), {}
    for kind in range(5):
        for type in ("float32", "bfloat16", "int8", "uint16", "int64"):
            yield (alike(rng, 2100, type, kind).reshape(-1, 3, 10), type), {}
    weights = rng.standard_normal(20_000).astype(np.float32)
    yield (weights.view(np.uint32), "float32"), {"head": b"before"}
    yield ((weights.view(np.uint32) >> 16).astype(np.uint16), "bfloat16"), {}
    yield (np.arange(300, dtype=np.uint16), "uint16"), {"head": b""}
    for patterns, type in in_blocks():
        yield (patterns, type), {}
        yield (patterns, type), {"blocks": False}


def planes_encode_refusals():
    for call in planes_split_refusals():
        yield call
    yield (np.zeros(3, np.uint64), "float64"), {}
    for bad in (None, "before", 3, bytearray(2), np.zeros(3, np.uint8)):
        yield (np.arange(3, dtype=np.uint16), "uint16"), {"head": bad}
    for bad in (None, 1, "yes"):
        yield (np.arange(3, dtype=np.uint16), "uint16"), {"blocks": bad}


@composite
def planes_encode_strategy(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    type = draw(st.sampled_from(CODED))
    return (alike(rng, draw(st.integers(0, 400)), type, draw(st.integers(0, 4))), type), {}


CASES["planes_encode"] = Cases(planes_encode_sweep, planes_encode_refusals, planes_encode_strategy)


# planes_decode

def planes_decode_sweep():
    yield (np.uint8([8, 1, 2, 3, 2, 0b11100100, 9]), "uint8", 3), {"strict": False}  # what a writer would pack closer
    for (patterns, type), flags in planes_encode_sweep():
        flags.pop("head", None)
        data = written("planes_encode")(patterns, type, **flags)
        yield (data, type, patterns.size), flags
        yield (np.append(data, np.uint8([17, 0])), type, patterns.size), flags | {"strict": False}


def planes_decode_refusals():
    """Each byte of a short file changed and cut, and each argument."""
    rng = np.random.default_rng(64)
    for type, size, kind in (("bfloat16", 40, 1), ("uint8", 60, 4), ("int4", 9, 0), ("uint16", 3, 0)):
        data = reference.planes_encode(alike(rng, size, type, kind), type)
        for end in range(0, len(data), 3):
            yield (data[:end], type, size), {}
            yield (data[:end], type, size), {"strict": False}
        for place in range(len(data)):
            other = data.copy()
            other[place] ^= 1 << place % 8
            try:
                reference.planes_decode(other, type, size)
            except CorruptError:  # what is left is another array's
                yield (other, type, size), {}
    for type in CODED:  # symbols that no code of the type has, in streams that are whole
        for some in (np.uint8([8, 200, 3]), np.arange(40, dtype=np.uint8) * 6, np.full(33, 255, np.uint8)):
            data = reference.planes_encode(some, "uint8")
            for strict in (True, False):
                for count in (len(some), 2 * len(some)):
                    try:
                        reference.planes_decode(data, type, count, strict=strict)
                    except CorruptError:
                        yield (data, type, count), {"strict": strict}
    data = reference.planes_encode(np.arange(40, dtype=np.uint8), "uint8")
    for bad in (None, "data", data.tolist(), data[None], data.astype(np.int8)):
        yield (bad, "uint8", 40), {}
    for bad in (None, "float64", "float", 3):
        yield (data, bad, 40), {}
    for bad in (-1, 2.0, None, True, 2**60, 2**58):
        yield (data, "uint8", bad), {}
    for bad in (None, 1, "yes"):
        yield (data, "uint8", 40), {"strict": bad}
    for bad in (None, 1, "yes"):
        yield (data, "uint8", 40), {"blocks": bad}
    yield from blocks_refusals()
    for stream in ([17, 0, 0, 0], [17, 128, 0, 1], [17, 129, 0, 1, 1, 0, 0], [17, 2, 0x11, 128], [18, 8, 0],
                   [9, 0, 0, 0], [17, 2, 0x01, 2, 0, 0, 0, 0], [17, 1, 0x11, 1, 0, 0], [17, 2, 0x12, 2, 0, 0, 0, 0],
                   [1, 8], [17, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], [17, 2, 0x11, 9] + [0] * 18):
        for strict in (True, False):
            yield (np.uint8(stream), "uint8", 3), {"strict": strict}


def blocks_refusals():
    """Blocks that an encoder would not write, and those that break a rule."""
    codes = np.zeros(2**16 + 2000, np.uint8)
    codes[2**16 :] = 255
    data, whole = (reference.planes_encode(codes, "uint8", blocks=blocks) for blocks in (True, False))
    assert data.tolist() == [19, 2, 1, 0, 17, *data[5:].tolist()]
    yield (data, "uint8", codes.size), {"blocks": False}
    yield (whole, "uint8", codes.size), {}
    for strict in (True, False):
        for place, value in ((1, 0), (1, 1), (1, 3), (2, 0), (2, 2), (3, 19), (3, 9), (4, 18), (4, 19)):
            other = data.copy()
            other[place] = value
            yield (other, "uint8", codes.size), {"strict": strict}
        for end in range(1, 6):
            yield (data[:end], "uint8", codes.size), {"strict": strict}
        yield (np.uint8([19, 2, 1, 0, 0]), "uint8", 2**16), {"strict": strict}
    zeros = np.uint8([19, 2, 1, 0, 0])  # blocks that are alike
    yield (zeros, "uint8", 2**16 + 2000), {}
    packed = np.concatenate([np.uint8([19, 2, 1, 0, 8]), codes[2**16 :]])  # the second one in a longer form
    yield (packed, "uint8", codes.size), {}


@composite
def planes_decode_strategy(draw):
    (patterns, type), _ = draw(planes_encode_strategy())
    return (reference.planes_encode(patterns, type), type, patterns.size), {"strict": draw(st.booleans())}


CASES["planes_decode"] = Cases(planes_decode_sweep, planes_decode_refusals, planes_decode_strategy)
