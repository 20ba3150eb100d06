/* What the kernels share: which instruction sets there are, the list of all kernels, and a few helpers. C only; Python
 * sees refcompress.h. README.md says in which order to read. */
#ifndef REFCOMPRESS_KERNELS_H
#define REFCOMPRESS_KERNELS_H
#include "refcompress.h"

/* Function-level targets: a file compiled with -mavx512f could leak such instructions into a function meant for AVX2.
 * Aligned, so that where a loop lies does not depend on the functions before it: one of five instructions that packs
 * weights took a third longer where it crossed a cache line. */
#if defined(__x86_64__)
#define RC_X86 1
#include <immintrin.h>
#define RC_AVX2 __attribute__((target("avx2,fma,f16c"), aligned(64)))
/* One level for what Ice Lake, Zen 4 and everything later has; older AVX-512 processors take the AVX2 kernels. */
#define RC_AVX512 \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2," \
                          "avx512vpopcntdq,avx2,fma,f16c"), aligned(64)))
#else
#define RC_X86 0
#endif

/* For what is written once as a template, and must vanish into the kernel that uses it: a tile of vectors then lives in
 * registers, because all indices into it are constants once its loops are unrolled. A parameter that is `const` is a
 * constant in every call. */
#define RC_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define RC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RC_UNROLL _Pragma("GCC unroll 16")
#endif

RC_INLINE size_t rc_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* All operations, one line each, by the kernels that they have: ONE, portable alone; TWO, portable and AVX-512; THREE,
 * portable, AVX2 and AVX-512. Where an instruction set has none, the next narrower one serves. From this list come the
 * declarations below and the table in kernels.c; a kernel of <operation> for <isa> is the function
 * rc_<operation>_<isa>. */
#define RC_KERNELS(ONE, TWO, THREE) \
    THREE(csr_matmul) \
    THREE(sparse_matmul) \
    THREE(sparse_s8s8) \
    THREE(gemm_s8s8) \
    THREE(gemm_u8s8) \
    THREE(gemm_f32s8) \
    THREE(gemm_f32s4) \
    THREE(gemm_f32f16) \
    THREE(gemm_f32bf16) \
    THREE(gemm_f32fp8) \
    THREE(gemm_f32lut4) \
    THREE(gemm_f32lut8) \
    THREE(gemm_f32nf4) \
    THREE(gemm_f32mx) \
    THREE(gemm_f32nvfp4) \
    THREE(gemm_f32mixed) \
    THREE(gemm_f32f32) \
    TWO(gemm_s8_pack) \
    THREE(gemm_s8s8_packed) \
    THREE(gemm_u8s8_packed) \
    THREE(gemm_bf16bf16) \
    THREE(gemm_s8s8_requantized) \
    THREE(gemm_s8s8_scaled) \
    TWO(gemm_coded_pack) \
    TWO(gemm_s8_lay) \
    THREE(gemm_s8s4) \
    THREE(gemm_s8lut4) \
    THREE(requantize_s32) \
    THREE(prune_select) \
    THREE(prune_magnitude) \
    THREE(prune_project_l0) \
    THREE(prune_nm) \
    THREE(prune_sums) \
    ONE(prune_spread) \
    THREE(prune_score_wanda) \
    THREE(prune_score_taylor) \
    THREE(prune_score_movement) \
    THREE(prune_score_obd) \
    THREE(prune_score_fisher) \
    THREE(prune_score_apoz) \
    THREE(prune_score_activation) \
    THREE(prune_chain) \
    THREE(prune_threshold) \
    TWO(csr_count) \
    TWO(csr_from_dense) \
    ONE(csr_to_dense) \
    THREE(nn_depthwise_s8) \
    THREE(nn_average_pool_s8) \
    THREE(nn_add_s8) \
    THREE(nn_multiply_s8) \
    TWO(nn_lookup_s8) \
    THREE(quantize_s8) \
    THREE(dequantize_s8) \
    THREE(quantize_s16) \
    THREE(dequantize_s16) \
    THREE(quantize_range_minmax) \
    THREE(quantize_range_percentile) \
    THREE(quantize_range_ranks) \
    THREE(quantize_range_mse) \
    THREE(quantize_errors) \
    THREE(quantize_range_kl) \
    THREE(quantize_runs_s8) \
    THREE(quantize_runs_s16) \
    THREE(quantize_pack) \
    THREE(quantize_unpack) \
    THREE(quantize_gptq) \
    THREE(quantize_adaround) \
    THREE(prune_obs) \
    THREE(quantize_binary) \
    THREE(quantize_ternary) \
    THREE(quantize_changes) \
    THREE(quantize_few_sum) \
    ONE(quantize_bias_s32) \
    ONE(dequantize_bias_s32) \
    THREE(prune_sparsegpt) \
    THREE(floats_encode) \
    THREE(floats_decode) \
    THREE(floats_mx_encode) \
    THREE(floats_mx_decode) \
    THREE(floats_nf4_encode) \
    THREE(floats_nf4_decode) \
    THREE(floats_maxima) \
    THREE(floats_nvfp4_encode) \
    THREE(floats_nvfp4_decode) \
    THREE(ggml_encode) \
    THREE(ggml_decode) \
    TWO(planes_split) \
    TWO(planes_join) \
    THREE(planes_encode) \
    THREE(planes_decode) \
    ONE(share_kmeans) \
    ONE(huffman_counts) \
    TWO(share_codes) \
    ONE(huffman_blocks) \
    ONE(huffman_lengths) \
    ONE(huffman_code) \
    THREE(huffman_encode) \
    THREE(huffman_decode) \
    ONE(rangecoder_encode) \
    ONE(rangecoder_decode) \
    THREE(rangecoder_encode_rows) \
    THREE(rangecoder_decode_rows) \
    THREE(nn_activation) \
    THREE(nn_softmax) \
    THREE(nn_layer_norm) \
    THREE(nn_rms_norm) \
    THREE(nn_patches) \
    THREE(nn_max_pool) \
    THREE(nn_average_pool) \
    THREE(nn_depthwise_f32)

#define RC_DECLARE_ONE(op) rc_##op rc_##op##_portable;
#define RC_DECLARE_TWO(op) rc_##op rc_##op##_portable, rc_##op##_avx512;
#define RC_DECLARE_THREE(op) rc_##op rc_##op##_portable, rc_##op##_avx2, rc_##op##_avx512;
RC_KERNELS(RC_DECLARE_ONE, RC_DECLARE_TWO, RC_DECLARE_THREE)
#endif
