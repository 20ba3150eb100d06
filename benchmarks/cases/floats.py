"""Small floating-point formats."""

from refcompress import reference

from .case import LAYERS, Case, normal


def on_floats(op, format, layer, **flags):
    """Return a case of encoding a layer's weights, or of decoding them; "" is the format of the operation itself."""
    outputs, inputs, _ = LAYERS[layer]
    encode = getattr(reference, op.replace("decode", "encode"))
    more = (format,) if format else ()
    again = more if op == "floats_decode" else ()

    def make(rng):
        w = normal(rng, outputs, inputs)
        return ((w, *more) if op.endswith("encode") else (encode(w, *more), *again)), {}

    code = 2 if format.endswith("16") else 1
    return Case(op, f"{layer}{', ' + format if format else ''}", make, 0, (4 + code) * outputs * inputs, **flags)


def wide(op, format):
    """Return a case of the same with a wide layer: 64 MiB of float32, which no cache holds."""
    return on_floats(op, format, "4096 wide")


CASES = [
    *(on_floats(op, "fp8_e4m3", "LeNet-300-100 fc1", quick=True) for op in ("floats_encode", "floats_decode")),
    *(
        on_floats(op, format, "AlexNet fc8")
        for format in ("float16", "bfloat16", "fp8_e4m3", "fp8_e5m2")
        for op in ("floats_encode", "floats_decode")
    ),
    *(on_floats(op, "mxfp4_e2m1", "LeNet-300-100 fc1", quick=True) for op in ("floats_mx_encode", "floats_mx_decode")),
    *(on_floats(op, "", "LeNet-300-100 fc1", quick=True)
      for op in ("floats_nf4_encode", "floats_nf4_decode", "floats_nvfp4_encode", "floats_nvfp4_decode")),
    *(wide(op, format) for format in ("float16", "bfloat16", "fp8_e4m3") for op in ("floats_encode", "floats_decode")),
    *(wide(op, format) for format in ("mxfp8_e4m3", "mxfp4_e2m1", "mxint8")
      for op in ("floats_mx_encode", "floats_mx_decode")),
    *(wide(op, "") for op in ("floats_nf4_encode", "floats_nf4_decode", "floats_nvfp4_encode", "floats_nvfp4_decode")),
]
