"""The cases of the planes family: every type of element, every length, the patterns at both ends."""

import numpy as np

from .. import reference
from ..formats.element_types import ELEMENT_TYPES
from .cases import Cases
from .draws import array, composite, shapes, st
from .values import LENGTHS

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


def _as_they_lie(patterns, type):
    """Cuts without a turn of the bits: the sign shares a plane with the exponent."""
    return reference.planes_split(patterns, {2: "uint16", 4: "uint32"}.get(patterns.itemsize, type))


def _lowest_first(patterns, type):
    return reference.planes_split(patterns, type)[::-1]


def _view_of_the_input(patterns, type):
    planes = reference.planes_split(patterns, type)
    return (patterns.reshape(-1),) if type == "uint8" and patterns.flags.c_contiguous else planes


def _signs_shifted_in(patterns, type):
    """Rotates by an arithmetic shift: of a negative number the bits below are all ones."""
    if type != "float32":
        return reference.planes_split(patterns, type)
    signed = patterns.view(np.int32)
    turned = (signed << 1 | signed >> 31).view(np.uint32)
    return reference.planes_split(turned, "uint32")


CASES["planes_split"] = Cases(
    planes_split_sweep, planes_split_refusals, planes_split_strategy,
    wrong={
        "bits as they lie": _as_they_lie,
        "the lowest byte first": _lowest_first,
        "a view of its input": _view_of_the_input,
        "arithmetic shift": _signs_shifted_in,
    },
)


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


def _bits_not_turned_back(planes, type):
    patterns = reference.planes_join(planes, type)
    return reference.planes_join(planes, "uint32") if type in ("int32", "float32") else patterns


def _last_elements_lost(planes, type):
    patterns = reference.planes_join(planes, type)
    patterns[len(patterns) - len(patterns) % 16 :] = 0
    return patterns


CASES["planes_join"] = Cases(
    planes_join_sweep, planes_join_refusals, planes_join_strategy,
    wrong={
        "bits not turned back": _bits_not_turned_back,
        "the rest of a vector lost": _last_elements_lost,
    },
)
