"""No bound of a product is empty: one chain of float32 additions comes within a factor of twenty of it.

1 and then k - 1 terms of a little less than half of its last place: each addition to 1 is rounded away, and the chain
is off by nearly (k - 1) 2**-24, where the bound is about k 2**-24.
"""

import numpy as np
import pytest

from refcompress import reference
from refcompress.agreement import Disagreement
from refcompress.formats import LowRank, LowRankSparse, Plain, Quantized
from refcompress.ops import OPS
from refcompress.testing.sums import in_sequence

K = 200
X = np.full((1, K), 0.99 * 2.0**-24, np.float32)
X[0, 0] = 1
ONES = np.ones((1, K), np.float32)
S8 = Quantized(np.ones((1, K), np.int8), np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8))
BF16 = Plain(np.full((1, K), 0x3F80, np.uint16), "bfloat16")
LOW = LowRank(np.ones((1, 1), np.float32), np.ones(1, np.float32), ONES)
NOTHING = reference.csr_from_dense(0 * ONES)

CALLS = {
    "gemm_f32f32": (X, ONES),
    "gemm_f32s8": (X, S8),
    "gemm_f32s4": (X, reference.quantize_pack(S8)),
    "gemm_f32mixed": (X, reference.allocate_mixed(ONES, np.arange(K) % 2 == 0, axis=1)),
    "gemm_f32f16": (X, Plain(np.full((1, K), 0x3C00, np.uint16), "float16")),
    "gemm_f32bf16": (X, BF16),
    "gemm_f32fp8": (X, Plain(reference.floats_encode(ONES, "fp8_e4m3"), "fp8_e4m3")),
    "gemm_f32mx": (X, reference.floats_mx_encode(ONES, "mxfp8_e4m3")),
    "gemm_f32nf4": (X, reference.floats_nf4_encode(ONES)),
    "gemm_f32nvfp4": (X, reference.floats_nvfp4_encode(ONES)),
    "gemm_bf16bf16": (reference.floats_encode(X, "bfloat16"), BF16),
    "csr_matmul": (reference.csr_from_dense(ONES), X.T.copy()),
    "sparse_matmul": (reference.sparse_bitmask_pack(ONES), X.T.copy()),
    "lowrank_matmul": (LOW, X.T.copy()),
    "lowrank_sparse_matmul": (LowRankSparse(LOW, NOTHING), X.T.copy()),
    "nn_depthwise_f32": (X.reshape(1, 1, 1, K), ONES.reshape(1, 1, 1, K)),
}


@pytest.mark.parametrize("op", CALLS)
def test_one_chain_reaches_a_twentieth_of_the_bound(op):
    args, rule = CALLS[op], OPS[op].rule
    expected = getattr(reference, op)(*args)
    terms = reference.floats_decode(args[0], "bfloat16") if args[0].dtype == np.uint16 else X
    got = in_sequence(terms.T).reshape(expected.shape)
    lost = expected.astype(np.float64) - got
    assert lost > 0
    rule(expected, got, args)
    with pytest.raises(Disagreement, match="allowed difference"):
        rule(expected, (expected - 20 * lost).astype(np.float32), args)
