"""The blocks of ggml."""

from refcompress import formats, reference

from .case import Case, normal


def on_ggml(op, type, **flags):
    """Return a case of encoding weights to blocks of ggml, or of decoding them."""
    def make(rng):
        w = normal(rng, 300, 768)
        return ((w, type) if op == "ggml_encode" else (reference.ggml_encode(w, type),)), {}

    block = formats.GGML_TYPES[type]
    return Case(op, f"768 wide, {type}", make, 0, 300 * 768 * (4 + block.nbytes // block.numbers), **flags)


CASES = [
    on_ggml("ggml_encode", "Q8_0", quick=True),
    *(on_ggml("ggml_decode", type, quick=type == "Q8_0") for type in ("Q8_0", "Q4_0")),
]
