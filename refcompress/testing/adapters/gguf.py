"""gguf, the Python package of llama.cpp: its blocks in NumPy."""

from collections.abc import Callable

import numpy as np

from ...formats import GGMLBlocks
from ..contiguous import plain
from . import NO_REFUSALS

FAILURES = {
    "ggml_encode": {name: "a block of zeros that begins with -0.0 has the scale 0.0; in ggml it is -0.0 (DEPARTURES.md)"
                    for name in ("sizes", "layouts", "values")} | {"refusals": NO_REFUSALS},
    "ggml_decode": {"refusals": NO_REFUSALS},
}


def operations() -> dict[str, Callable]:
    import gguf

    def type_of(name):
        return getattr(gguf.GGMLQuantizationType, name)

    def ggml_encode(x, type):
        if not x.size:
            raise NotImplementedError("arrays without elements")
        made = gguf.quants.quantize(plain(x), type_of(type))
        size = gguf.GGML_QUANT_SIZES[type_of(type)][1]
        return GGMLBlocks(np.array(made).view(np.uint8).reshape(-1, size), type, x.shape)

    def ggml_decode(q):
        if not q.data.size:
            raise NotImplementedError("arrays without elements")
        rows = q.data.reshape(*q.shape[:-1], -1)
        return np.array(gguf.quants.dequantize(rows, type_of(q.type))).reshape(q.shape)

    return {"ggml_encode": ggml_encode, "ggml_decode": ggml_decode}
