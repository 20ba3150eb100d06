"""ml_dtypes: bfloat16 and FP8 as types of NumPy."""

import ml_dtypes
import numpy as np

from . import Peer, by_rule

TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "fp8_e4m3": ml_dtypes.float8_e4m3fn,
         "fp8_e5m2": ml_dtypes.float8_e5m2}


def _encode(w, format):
    return lambda: w.astype(TYPES[format]).view(np.uint16 if format.endswith("16") else np.uint8)


def _decode(codes, format):
    codes = codes.view(TYPES[format])
    return lambda: codes.astype(np.float32)


PEERS = {
    "floats_encode": Peer("ml_dtypes", _encode, by_rule("floats_encode")),
    "floats_decode": Peer("ml_dtypes", _decode, by_rule("floats_decode")),
}
