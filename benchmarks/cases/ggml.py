"""The blocks of ggml."""

import numpy as np

from refcompress import formats, reference

from .case import Case, normal


def on_ggml(op, type, rows=300, columns=768, **flags):
    """Return a case of encoding weights to blocks of ggml, or of decoding them."""
    def make(rng):
        w = normal(rng, rows, columns)
        if op == "ggml_decode" and type not in ("Q8_0", "Q4_0"):
            blocks = rng.integers(0, 256, (rows * columns // block.numbers, block.nbytes), np.uint8)
            return (formats.GGMLBlocks(blocks, type, (rows, columns)),), {}
        return ((w, type) if op == "ggml_encode" else (reference.ggml_encode(w, type),)), {}

    block = formats.GGML_TYPES[type]
    touched = rows * columns * (4 + block.nbytes / block.numbers)
    return Case(op, f"{columns} wide, {type}", make, 0, touched, **flags)


CASES = [
    on_ggml("ggml_encode", "Q8_0", quick=True),
    *(on_ggml("ggml_decode", type, quick=type == "Q8_0") for type in ("Q8_0", "Q4_0")),
    *(on_ggml(op, type, 4096, 4096) for op in ("ggml_encode", "ggml_decode") for type in ("Q8_0", "Q4_0")),
    *(on_ggml("ggml_decode", type, 4096, 4096) for type in formats.GGML_TYPES if type not in ("Q8_0", "Q4_0")),
]
