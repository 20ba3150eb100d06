"""The files of bitsandbytes: NF4 and FP4 in blocks of a flattened weight, and LLM.int8() by rows.

    x.weight uint8, two codes a byte, the first in the high half      x.weight int8
    x.weight.absmax, .quant_map, .quant_state.bitsandbytes__nf4       x.SCB, the largest magnitude of each row

The state is JSON in bytes: type, size of a block, shape. Where absmax is uint8, the largest magnitudes are quantized
again: codes of a table, times the largest of each 256, plus an offset.

**Source** bitsandbytes 0.50.2: backends/default/ops.py, functional.py (QuantState.as_dict).
"""

import json
from collections.abc import Iterator
from functools import partial

import numpy as np

from ...errors import CorruptError
from ...models import Source
from .stored import Arrays, Integers, Rule, Site, Stored
from .types import rounding

__all__ = ["sites_of"]

f32 = np.float32
STATE = ".quant_state.bitsandbytes__"
MAX_STATE = 2**16  # bytes of JSON


def sites_of(source: Source) -> Iterator[Site]:
    """Yield the weights of a file that bitsandbytes wrote."""
    for name, tensor in source.items():
        base, found, kind = name.partition(STATE)
        if found and kind in ("nf4", "fp4") and {base, base + ".absmax", base + ".quant_map"} <= source.keys():
            ends = ("", ".absmax", ".quant_map", found + kind)
            yield Site(base, tuple(base + end for end in ends), partial(_four_bits, source, base, name, kind))
            if {base + ".nested_absmax", base + ".nested_quant_map"} <= source.keys():
                yield Site(base + ".absmax", (base + ".nested_absmax", base + ".nested_quant_map"),
                           partial(_largest, source, base, name))
        elif name.endswith("weight") and tensor.type == "int8" and name[:-6] + "SCB" in source:
            yield Site(name, (name, name[:-6] + "SCB", name[:-6] + "weight_format"), partial(_rows, source, name))


def _rows(source: Source, name: str) -> list[Stored]:
    codes, largest = source[name].read(), source[name[:-6] + "SCB"].read()
    if not isinstance(codes, np.ndarray) or not isinstance(largest, np.ndarray) or codes.ndim != 2 \
            or largest.dtype != np.float32 or largest.shape != codes.shape[:1]:
        raise CorruptError("path", f"tensor {name!r} and its SCB are not int8 rows with a float32 each")
    rules = (Rule("LLM.int8(), by way of float16", f"the weights are rounded to float16; {INT8}", lambda w: rows(
        rounding("float16")(w))), Rule("LLM.int8()", INT8, rows))
    return [Stored(name, "LLM.int8()", codes.shape, {"codes": codes, "scale": largest}, codes.astype(np.int16) + 128,
                   Integers(-128, 127), largest.astype(np.float64)[:, None] / 127, rules)]


INT8 = "the largest magnitude of each row; codes w * (127 / it), ties to even"


def rows(w: np.ndarray) -> Arrays | None:
    if not w.size or not np.isfinite(w).all():
        return None
    largest = np.abs(w).max(1)
    steps = np.rint(w * (f32(127) * (f32(1) / largest))[:, None])
    return {"codes": np.where(np.isnan(steps), 0, steps).astype(np.int8), "scale": largest}


def _four_bits(source: Source, base: str, name: str, kind: str) -> list[Stored]:
    shape, block, offset = _state(source, name)
    count = int(np.prod(shape, dtype=object))
    packed, table, largest = (np.asarray(source[base + end].read()) for end in ("", ".quant_map", ".absmax"))
    blocks = -(-count // block)
    data = np.ascontiguousarray(packed).reshape(-1).view(np.uint8)
    if packed.dtype.kind not in "uif" or data.size != -(-count // 2) or table.shape != (16,) or largest.size != blocks:
        raise CorruptError("path", f"tensor {base!r} of {data.size} bytes with {largest.size} largest magnitudes does "
                                   f"not hold {count} codes of 4 bits in blocks of {block}")
    table = table.astype(np.float64)
    if not np.isfinite(table).all() or len(np.unique(table)) < 15:
        raise CorruptError("path", f"tensor {base + '.quant_map'!r} is no table of levels")
    codes = np.stack([data >> 4, data & 15], -1).reshape(-1)
    arrays = {"codes": _filled(codes[:count], blocks, block), "filler": codes[count:]}
    step = largest.reshape(-1).astype(np.float64)
    if largest.dtype == np.uint8:
        step = _nested(source, base, largest.reshape(-1), offset)
    elif largest.dtype == np.float32:
        arrays["scale"] = largest.reshape(-1)
    else:
        raise CorruptError("path", f"tensor {base + '.absmax'!r} is of {largest.dtype.name}, not float32 or uint8")
    levels = np.unique(table)
    says = f"codes by w times the inverse of the largest magnitude of {block}, a tie goes to the lower level"
    rule = Rule(f"bitsandbytes {kind.upper()}" + (", nested" if largest.dtype == np.uint8 else ""), says,
                partial(four_bits, table=table.astype(np.float32), count=count, block=block,
                        has_scale="scale" in arrays))
    return [Stored(base, f"bitsandbytes {kind.upper()}, blocks of {block}", shape, arrays,
                   np.searchsorted(levels, table)[arrays["codes"]], levels, step[:, None], (rule,),
                   arranged=lambda w: _filled(w.reshape(-1), blocks, block))]


def _filled(a: np.ndarray, blocks: int, block: int) -> np.ndarray:
    """Return flat numbers as blocks, the last one filled up by zeros: for codes by those of a zero."""
    filled = np.full(blocks * block, 7 if a.dtype == np.uint8 else 0, a.dtype)
    filled[: a.size] = a
    return filled.reshape(blocks, block)


def _state(source: Source, name: str) -> tuple[tuple[int, ...], int, float]:
    """Return shape, size of a block and offset of the largest magnitudes."""
    try:
        tensor = source[name]
        raw = np.asarray(tensor.read() if tensor.nbytes <= MAX_STATE else 0)
        state = json.loads(raw.astype(np.uint8).tobytes())
        shape, block = tuple(state["shape"]), state["blocksize"]
        offset = float(state.get("nested_offset", 0.0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CorruptError("path", f"tensor {name!r} is no state of bitsandbytes") from None
    good = all(type(n) is int and 0 <= n < 2**40 for n in (*shape, block)) and block and len(shape) <= 32
    if not good or not np.isfinite(offset):
        raise CorruptError("path", f"tensor {name!r} has the shape {shape}, blocks of {block} and the offset {offset}")
    return shape, block, offset


def _nested(source: Source, base: str, codes: np.ndarray, offset: float) -> np.ndarray:
    """Return largest magnitudes that are quantized again."""
    table, largest = (np.asarray(source[base + end].read()) if base + end in source else np.zeros(0)
                      for end in (".nested_quant_map", ".nested_absmax"))
    if table.shape != (256,) or largest.size * 256 < codes.size:
        raise CorruptError("path", f"tensor {base + '.nested_quant_map'!r} has {table.size} levels, or its scales are "
                                   f"too few for {codes.size}")
    return table.astype(np.float64)[codes] * np.repeat(largest.astype(np.float64), 256)[: codes.size] + offset


def _largest(source: Source, base: str, name: str) -> list[Stored]:
    """Return the quantized largest magnitudes of blocks as a tensor of its own."""
    shape, block, offset = _state(source, name)
    codes = np.asarray(source[base + ".absmax"].read()).reshape(-1)
    blocks = -(-int(np.prod(shape, dtype=object)) // block)
    if codes.dtype != np.uint8 or codes.size != blocks:
        raise CorruptError("path", f"tensor {base + '.absmax'!r} has {codes.size} codes for {blocks} blocks")
    _nested(source, base, codes, offset)
    table, scale = (np.asarray(source[base + end].read()).astype(np.float32)
                    for end in (".nested_quant_map", ".nested_absmax"))
    levels = np.unique(table.astype(np.float64))
    rule = Rule("bitsandbytes, nested", f"largest magnitudes of {block} less their mean; codes by the inverse of the "
                "largest of each 256, the nearest level", partial(nested, table=table))
    return [Stored(base + ".absmax", "bitsandbytes, codes of 8 bits", shape, {"codes": codes, "scale": scale},
                   np.searchsorted(levels, table)[codes], levels,
                   np.repeat(scale.astype(np.float64), 256)[: blocks], (rule,),
                   arranged=lambda w: np.abs(_filled(w.reshape(-1), blocks, block)).max(1) - f32(offset))]


def nested(x: np.ndarray, *, table: np.ndarray) -> Arrays | None:
    """Return codes and scales of largest magnitudes from which their mean was taken away."""
    # the sum of n float32 numbers is off by n roundings at most, in whatever order; the mean is what is left
    if not np.isfinite(x).all() or abs(float(x.mean(dtype=np.float64))) > len(x) * 2.0**-23 * float(np.abs(x).max()):
        return None
    scale = np.maximum.reduceat(np.abs(x), np.arange(0, len(x), 256))
    scaled = x * np.repeat(f32(1) / scale, 256)[: len(x)]
    codes = np.searchsorted((table[1:] + table[:-1]) / f32(2), scaled)
    return {"codes": codes.astype(np.uint8), "scale": scale}


def four_bits(w: np.ndarray, *, table: np.ndarray, count: int, block: int, has_scale: bool) -> Arrays | None:
    """Return codes, and the largest magnitude of each block of the flattened weights."""
    if not count or not np.isfinite(w).all():
        return None
    order = np.argsort(table, kind="stable")
    levels = table[order]
    middles = (levels[1:] + levels[:-1]) / f32(2)
    largest, tiny = np.abs(w).max(1), f32(1e-38)
    factor = f32(1) / np.maximum(largest, tiny)
    scaled = np.clip(w * factor[:, None], -1, 1)
    if count % block:  # the last block is divided, not multiplied by the inverse
        largest[-1] = max(largest[-1], tiny)
        scaled[-1] = np.clip(w[-1] / largest[-1], -1, 1)
    codes = order[np.searchsorted(middles, scaled)].astype(np.uint8)
    flat = codes.reshape(-1)
    filler = flat[count : count + count % 2].copy()
    flat[count:] = 7
    return {"codes": codes, "filler": filler} | ({"scale": largest} if has_scale else {})
