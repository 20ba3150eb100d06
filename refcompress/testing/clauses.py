"""Where the specification says what an operation must return: the pages of the folder spec, and their sections."""

from .. import arguments
from ..ops import OPS

__all__ = ["PAGES", "clause"]

# By the prefix of a page the operations of its sections, from 1 on; an empty one is common to all of the page.
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "GEMM": ("gemm", ("", "gemm_f32f32", "gemm_s8s8 gemm_u8s8", "gemm_s8s8_requantized", "gemm_s8s8_scaled",
                      "gemm_s8s4 gemm_s8lut4", "gemm_f32s8 gemm_f32mixed",
                      "gemm_f32s4 gemm_f32lut4 gemm_f32lut8 gemm_f32nf4 gemm_f32f16 gemm_f32bf16 gemm_f32fp8 "
                      "gemm_f32mx gemm_f32nvfp4", "gemm_bf16bf16")),
    "CSR": ("csr", ("csr_from_dense", "csr_to_dense", "csr_matmul")),
    "SPARSE": ("sparse", ("sparse_matmul", "sparse_s8s8")),
    "LOWRANK": ("lowrank", ("", "lowrank_svd", "lowrank_randomized", "lowrank_whitened",
                            "lowrank_matmul lowrank_sparse_matmul")),
    "PRUNE": ("prune", ("", "prune_magnitude prune_project_l0", "prune_select", "prune_threshold",
                        "prune_score_wanda prune_score_taylor prune_score_movement prune_score_obd "
                        "prune_score_fisher", "prune_score_apoz prune_score_activation",
                        "prune_obs prune_sparsegpt")),
    "SHARE": ("share", ("", "share_kmeans", "share_optimal")),
    "QUANT": ("quantize", ("", "quantize_s8 quantize_s16", "dequantize_s8 dequantize_s16",
                           "quantize_range_minmax quantize_range_percentile quantize_range_mse quantize_range_kl",
                           "quantize_binary quantize_ternary", "quantize_pack quantize_unpack",
                           "quantize_bias_s32 dequantize_bias_s32", "requantize_s32",
                           "quantize_gptq quantize_clip quantize_awq quantize_adaround", "quantize_changes")),
    "FLOATS": ("floats", ("floats_encode floats_decode", "floats_mx_encode floats_mx_decode",
                          "floats_nf4_encode floats_nf4_decode", "floats_nvfp4_encode floats_nvfp4_decode")),
    "GGML": ("ggml", ("ggml_encode", "ggml_decode")),
    "ALLOCATE": ("allocate", ("allocate_exact", "allocate_front")),
    "HUFFMAN": ("huffman", ("huffman_counts", "huffman_lengths", "huffman_code", "huffman_encode huffman_decode",
                            "huffman_blocks")),
    "RANGECODER": ("rangecoder", ("rangecoder_encode rangecoder_decode",)),
    "PLANES": ("planes", ("planes_split planes_join", "planes_encode planes_decode")),
    "NN": ("nn", ("", "nn_activation", "nn_softmax nn_layer_norm nn_rms_norm", "nn_patches",
                  "nn_max_pool nn_average_pool", "nn_depthwise_f32", "nn_depthwise_s8 nn_average_pool_s8",
                  "nn_add_s8 nn_multiply_s8 nn_lookup_s8")),
}

_OF = {op: f"{prefix}-{number}" for prefix, (_, sections) in PAGES.items()
       for number, operations in enumerate(sections, 1) for op in operations.split()}


def clause(op: str) -> str:
    """Return the section of the specification about an operation, and the page that it is on.

    >>> clause("gemm_s8s8")
    'GEMM-3 (spec/gemm.md)'
    """
    section = _OF[arguments.choice(op, "op", OPS)]
    return f"{section} (spec/{PAGES[section.partition('-')[0]][0]}.md)"
