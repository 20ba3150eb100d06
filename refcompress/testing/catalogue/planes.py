"""Kernels of planes family: wrong ones, each with its bug, and right ones."""

import numpy as np

from ... import reference
from .kernels import Kernel

KERNELS: list[Kernel] = []


# planes_split

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


KERNELS += [
    Kernel("planes_split", "bits as they lie", "format",
           "The sign is not turned behind the exponent, so that it shares a plane with it.",
           _as_they_lie),
    Kernel("planes_split", "the lowest byte first", "format",
           "Planes come in the order of the bytes in memory.",
           _lowest_first),
    Kernel("planes_split", "a view of its input", "state",
           "A type of one byte needs no work, and the input itself is returned.",
           _view_of_the_input),
    Kernel("planes_split", "arithmetic shift", "format",
           "A rotation by a shift of signed numbers fills with ones.",
           _signs_shifted_in),
]


# planes_join

def _bits_not_turned_back(planes, type):
    patterns = reference.planes_join(planes, type)
    return reference.planes_join(planes, "uint32") if type in ("int32", "float32") else patterns


def _last_elements_lost(planes, type):
    patterns = reference.planes_join(planes, type)
    patterns[len(patterns) - len(patterns) % 16 :] = 0
    return patterns


KERNELS += [
    Kernel("planes_join", "bits not turned back", "format",
           "The turn of the sign bit is undone by no one.",
           _bits_not_turned_back),
    Kernel("planes_join", "the rest of a vector lost", "tail",
           "Elements behind the last whole sixteen are not joined.",
           _last_elements_lost),
]


# planes_encode

def _always_packed(patterns, type, *, head=b"", blocks=True):
    planes = reference.planes_split(patterns, type) if patterns.size else ()
    return np.concatenate([np.frombuffer(head, np.uint8), *(np.append(np.uint8(8), plane) for plane in planes)])


def _the_last_plane_first(patterns, type, *, head=b"", blocks=True):
    return reference.planes_encode(patterns, type)[::-1].copy()


def _without_its_head(patterns, type, *, head=b"", blocks=True):
    return reference.planes_encode(patterns, type, blocks=blocks)


def _never_in_blocks(patterns, type, *, head=b"", blocks=True):
    return reference.planes_encode(patterns, type, head=head, blocks=False)


KERNELS += [
    Kernel("planes_encode", "always packed", "rule",
           "Each plane is packed, also where a constant or a code would be shorter.",
           _always_packed),
    Kernel("planes_encode", "from the end", "format",
           "The stream is written from its last byte.",
           _the_last_plane_first),
    Kernel("planes_encode", "without what stands before", "options",
           "The head that the caller gave is left out.",
           _without_its_head),
    Kernel("planes_encode", "never in blocks", "options",
           "Each plane has one code, also where blocks of their own codes would be smaller.",
           _never_in_blocks),
]


# planes_decode

def _all_bytes_used(data, type, count, *, strict=True, blocks=True):
    return reference.planes_decode(data, type, count, strict=strict, blocks=blocks)[0], len(data)


def _not_turned_back(data, type, count, *, strict=True, blocks=True):
    other = {"float32": "uint32", "bfloat16": "uint16", "int8": "uint8", "int64": "uint64"}.get(type, type)
    return reference.planes_decode(data, other, count, strict=strict, blocks=blocks)


KERNELS += [
    Kernel("planes_decode", "all bytes used", "promise",
           "The number of bytes read is that of the buffer, not that of the stream.",
           _all_bytes_used),
    Kernel("planes_decode", "bits not turned back", "format",
           "The turn of the sign bit is undone by no one.",
           _not_turned_back),
]
