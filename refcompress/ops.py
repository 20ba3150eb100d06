"""The table of operations: one row each, its name and the rule by which results must agree. Tests, benchmarks and
users' checks read it.

An implementation is any namespace that has functions of these names: :mod:`refcompress.reference`,
``native.at("avx2")``, a module of your own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import reference
from .agreement import (
    exactly,
    least_divergence,
    least_error,
    near_best,
    near_clip,
    near_fit,
    near_gptq,
    near_obs,
    near_outputs,
    near_sparsegpt,
    same_cost,
    same_product,
    within_dot_bound,
)
from .agreement.terms import (
    bf16_terms,
    csr_terms,
    dense_terms,
    depthwise_terms,
    lowrank_sparse_terms,
    lowrank_terms,
    mixed_terms,
    narrow_terms,
    quantized_terms,
    sparse_terms,
)
from .errors import RefcompressError


@dataclass(frozen=True)
class Op:
    """A name and its rule of agreement: ``rule(expected, got, args, kwargs)`` raises Disagreement or returns."""

    name: str
    rule: Callable


OPS = {op.name: op for op in (
    Op("prune_magnitude", exactly),
    Op("prune_select", exactly),  # sums too: one after the other in C order
    Op("prune_threshold", exactly),
    *(Op(f"prune_score_{name}", exactly)  # each a product or quotient in float64, rounded once
      for name in ("wanda", "taylor", "movement", "apoz", "activation", "obd", "fisher")),
    Op("prune_obs", near_obs),  # the inverse is LAPACK's
    Op("prune_sparsegpt", near_sparsegpt),  # the factor is LAPACK's
    Op("prune_project_l0", exactly),
    Op("allocate_exact", exactly),  # costs are summed from the first layer on, and ties have a rule
    Op("allocate_front", exactly),
    Op("share_kmeans", exactly),  # the arithmetic is stated to the last bit, so ties and sums leave no freedom
    Op("share_optimal", same_cost),  # any of the equally good partitions
    Op("quantize_s8", exactly),
    Op("dequantize_s8", exactly),  # one product, rounded once: nothing to allow for
    Op("quantize_s16", exactly),
    Op("dequantize_s16", exactly),
    Op("quantize_range_minmax", exactly),
    Op("quantize_range_percentile", exactly),  # an element of x
    Op("quantize_range_mse", least_error),  # near ties are open: the sums have no order
    Op("quantize_range_kl", least_divergence),  # near ties are open: the sums have no order
    Op("quantize_gptq", near_gptq),  # the factor is LAPACK's
    Op("quantize_clip", near_clip),  # errors are sums without an order
    Op("quantize_awq", near_fit),
    Op("quantize_adaround", near_fit),  # exact products, and then a stated arithmetic of each element
    Op("quantize_binary", exactly),  # sums in NumPy's order of one long row
    Op("quantize_ternary", exactly),
    Op("quantize_changes", exactly),  # sums in NumPy's order of one long row
    Op("quantize_pack", exactly),
    Op("quantize_unpack", exactly),
    Op("quantize_bias_s32", exactly),
    Op("dequantize_bias_s32", exactly),
    Op("requantize_s32", exactly),
    Op("floats_encode", exactly),  # codes
    Op("floats_decode", exactly),  # every code is a float32
    Op("floats_mx_encode", exactly),
    Op("floats_mx_decode", exactly),
    Op("floats_nf4_encode", exactly),
    Op("floats_nf4_decode", exactly),
    Op("floats_nvfp4_encode", exactly),
    Op("floats_nvfp4_decode", exactly),
    Op("ggml_encode", exactly),
    Op("ggml_decode", exactly),
    Op("lowrank_svd", same_product),
    Op("lowrank_matmul", within_dot_bound(lowrank_terms)),
    Op("lowrank_sparse_matmul", within_dot_bound(lowrank_sparse_terms)),
    Op("lowrank_randomized", near_best),
    Op("lowrank_whitened", near_outputs),
    Op("csr_from_dense", exactly),
    Op("csr_to_dense", exactly),
    Op("csr_matmul", within_dot_bound(csr_terms)),
    Op("sparse_matmul", within_dot_bound(sparse_terms)),
    Op("sparse_s8s8", exactly),  # every rounding behind the exact sums is stated
    Op("gemm_s8s8", exactly),
    Op("gemm_u8s8", exactly),
    Op("gemm_s8s8_requantized", exactly),
    Op("gemm_s8s8_scaled", exactly),  # every rounding behind the exact sums is stated
    Op("gemm_s8s4", exactly),
    Op("gemm_s8lut4", exactly),
    *(Op(f"nn_{name}_s8", exactly) for name in ("depthwise", "average_pool", "add", "multiply", "lookup")),
    Op("gemm_f32s8", within_dot_bound(quantized_terms)),
    Op("gemm_f32mixed", within_dot_bound(mixed_terms)),
    *(Op(f"gemm_f32{name}", within_dot_bound(narrow_terms))
      for name in ("s4", "lut4", "lut8", "nf4", "f16", "bf16", "fp8", "mx", "nvfp4")),
    Op("gemm_f32f32", within_dot_bound(dense_terms)),
    Op("gemm_bf16bf16", within_dot_bound(bf16_terms)),
    Op("huffman_counts", exactly),
    Op("huffman_blocks", exactly),
    Op("huffman_lengths", exactly),
    Op("huffman_code", exactly),
    Op("huffman_encode", exactly),
    Op("huffman_decode", exactly),
    Op("rangecoder_encode", exactly),
    Op("rangecoder_decode", exactly),
    Op("planes_split", exactly),
    Op("planes_join", exactly),
    Op("planes_encode", exactly),
    Op("planes_decode", exactly),
    *(Op(f"nn_{name}", exactly)  # in float64 by a stated order of +, -, *, / and sqrt, rounded once
      for name in ("activation", "softmax", "layer_norm", "rms_norm", "average_pool")),
    Op("nn_patches", exactly),
    Op("nn_max_pool", exactly),
    Op("nn_depthwise_f32", within_dot_bound(depthwise_terms)),
)}


def implementation_of(implementation: Any, name: str) -> tuple[Callable, str]:
    """Return the implementation's function of that name, or the reference's where it has none, and whose it is.

    The label is the namespace's name without "refcompress."; for a native function its instruction set is added, as in
    "native.avx2".
    """
    if name not in OPS:
        raise RefcompressError("name", f"must be one of {', '.join(OPS)}, not {name!r}")
    source = implementation if getattr(implementation, name, None) is not None else reference
    function = getattr(source, name)
    if hasattr(function, "isa"):
        return function, f"native.{function.isa}"
    return function, getattr(source, "__name__", type(source).__name__).removeprefix("refcompress.")
