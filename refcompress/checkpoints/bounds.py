"""In how many bytes a tensor will be stored: exactly, where no coder decides, and else the least and the most."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..container import index
from ..container.arrays import shape_bytes
from ..container.cursor import integer_bytes
from ..formats import ELEMENT_TYPES, MX_ELEMENTS
from ..formats.base import block_shape, matrix_shape
from ..formats.floats import MX_BLOCK
from .plans import Plan, Step

__all__ = ["bytes_of", "bytes_of_file"]

Interval = tuple[int, int]
LEAST = 2  # bytes of an entry: its kind, and a byte more; as many has one that is the same as an earlier one
HEAD = 96  # bytes, at the most, of what stands before the numbers of an entry of weights: kinds, sizes, coders
MX_BITS = {name: 8 if element is None else ELEMENT_TYPES[element.name].bits for name, element in MX_ELEMENTS.items()}


def bytes_of(plan: Plan) -> dict[str, Interval]:
    """Return the least and the most bytes that each tensor's entry will take, by name."""
    found: dict[str, Interval] = {}
    seen: dict[tuple, set[str]] = {}  # shape and type -> how earlier tensors of them are stored
    for number, step in enumerate(plan):
        if step.same_as is not None:
            first = list(found).index(step.same_as) + (plan.network.graph is not None)
            found[step.name] = LEAST, max(LEAST, 1 + len(integer_bytes(first)))
            continue
        low, high = _alone(step)
        earlier = seen.setdefault((step.shape, step.type), set())
        if earlier - {"keep"}:  # one that gave way to the tensor as it is may have the bytes of this one
            low = LEAST
        earlier.add(step.scheme)
        found[step.name] = low, high
    return found


def bytes_of_file(plan: Plan, entries: Mapping[str, Interval], metadata: Mapping[str, str]) -> Interval:
    """Return the least and the most bytes of the file: its entries, their index, and what it says about itself."""
    if plan.network.graph is not None:
        size = len(plan.network.entry())
        entries = {plan.network.name: (size, size), **entries}
    low, high = (sum(each[side] for each in entries.values()) for side in (0, 1))
    sizes = [{name: each[side] for name, each in entries.items()} for side in (0, 1)]
    most = min(len(sizes[1]), high // index.SECTION + 2 * sum(s >= index.SECTION for s in sizes[1].values()) + 1)
    arranged = {step.name: {"axes": list(range(len(step.shape))), "shape": list(step.shape)} for step in plan
                if step.lossy or step.choices}
    types = {step.name: step.type for step in plan if step.lossy or step.choices}
    more = {**metadata, "refcompress.arranged": json.dumps(arranged), "refcompress.types": json.dumps(types)}
    frame = [len(index.Index(of, (b"\0" * index.DIGEST,) * count, dict(said)).tobytes(index.VERSION))
             for of, count, said in ((sizes[0], min(1, len(entries)), metadata), (sizes[1], most, more))]
    return low + frame[0] + index.START, high + frame[1] + index.START


def _alone(step: Step) -> Interval:
    """Return the interval of an entry with bytes of its own."""
    as_it_is = _kept(step)
    if step.choices or step.scheme == "lossless":
        return LEAST, as_it_is[1]
    if step.scheme == "keep":
        return as_it_is
    low, high = _packed(step.scheme, step.options, step.shape)
    if high >= step.nbytes:  # it may give way to the tensor bit for bit
        low = LEAST
    return min(low, as_it_is[1]), min(high, as_it_is[1])


def _kept(step: Step) -> Interval:
    """Return the bytes of a tensor as it is: exact for NumPy's types, which are stored without any coder."""
    element = ELEMENT_TYPES.get(step.type)
    if element is not None and element.numpy is not None and not step.type.startswith("complex"):
        size = 2 + len(shape_bytes(step.shape, 8)) + step.size * element.numpy.itemsize
        return size, size
    return LEAST, step.nbytes + HEAD + step.nbytes // 256


def _packed(scheme: str, options: Mapping[str, Any], shape: tuple[int, ...]) -> Interval:
    """Return the bytes of a scheme: at least those that no coder touches, at most all others in the scheme's bits."""
    size = math.prod(shape)
    axis = options.get("axis", 0) % max(len(shape), 1)
    turned = (shape[axis], *(n for i, n in enumerate(shape) if i != axis)) if shape else shape
    rows = matrix_shape(turned)
    if scheme.startswith("int"):
        bits = int(scheme[3:])
        scales = math.prod(block_shape(rows, options["group"])) if "group" in options else \
            shape[axis] if len(shape) > 1 else 1
        wide = 2 if bits == 16 else 1
        return 4 * scales + LEAST, (4 + wide) * scales + math.ceil(size * bits / 8) + HEAD
    if scheme == "share":
        bits = options.get("bits", 5)
        return LEAST, 4 * 2**bits + math.ceil(size * bits / 8) + HEAD
    if scheme in MX_ELEMENTS:
        blocks = math.prod(block_shape(rows, MX_BLOCK))
        return LEAST, blocks + math.ceil(size * MX_BITS[scheme] / 8) + HEAD
    if scheme == "nf4":
        blocks = math.prod(block_shape(rows, options.get("block", 64)))
        return 4 * blocks + LEAST, 4 * blocks + math.ceil(size / 2) + HEAD
    if scheme == "lowrank" and "rank" in options:
        first, second = len(shape) and rows[0], math.prod(rows[1:])
        return LEAST, 4 * options["rank"] * (first + second + 1) + HEAD
    return LEAST, np.iinfo(np.int64).max
