/* All that Python may see of the kernels, with the parts that it includes: a family's api.h has the types of its
 * operations. The C compiler reads these files, and so does cffi, after the lines that begin with '#' were dropped: so
 * no declaration may need the preprocessor.
 *
 * Every kernel takes its row range [begin, end) first, so that Python can split the rows among threads; it allocates
 * nothing, holds no state, and writes only what belongs to its rows. Python has checked shapes, types and layouts (all
 * arrays are C-contiguous); what other threads could change meanwhile, a kernel checks itself and says so by its
 * status.
 */
#ifndef REFCOMPRESS_H
#define REFCOMPRESS_H
#include <float.h>
#include <stddef.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "refcompress: this compiler computes floats in a wider type (FLT_EVAL_METHOD is not 0): results have other bits"
#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__)
#error "refcompress: -ffast-math, or a part of it, lets the compiler change results: build without it"
#elif defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "refcompress: -ffast-math, or a part of it, lets the compiler change results: build without it"
#elif __FINITE_MATH_ONLY__
#error "refcompress: -ffinite-math-only (of -ffast-math) lets the compiler lose NaN and infinity: build without it"
#endif

enum rc_status {
    RC_OK = 0,
    RC_BAD_INDEX = 1,   /* an index or a row pointer points outside its array */
    RC_CORRUPT = 2,     /* coded data that no encoder writes */
    RC_NOT_FINITE = 3,  /* a NaN or an infinity among the elements */
    RC_BAD_VALUE = 4,   /* an element that the result cannot hold */
};

#include "csr/api.h"
#include "sparse/api.h"
#include "prune/api.h"
#include "quantize/api.h"
#include "hessian/api.h"
#include "gemm/api.h"
#include "floats/api.h"
#include "ggml/api.h"
#include "share/api.h"
#include "huffman/api.h"
#include "planes/api.h"
#include "rangecoder/api.h"
#include "nn/api.h"
#include "prepared.h"
#include "checks.h"
#include "guarded.h"

/* The mode of this thread's floating-point unit: its rounding, and what becomes of subnormals. 0 : the default one, to
 * nearest and as IEEE 754 has them. Any other number is for rc_set_mode alone, which brings that mode back. */
uint64_t rc_mode(void);
void rc_set_mode(uint64_t mode);

/* One row an instruction set; NULL where it has no kernel of its own, and the next narrower one serves. */
struct rc_kernels {
    const char *isa;
    rc_csr_matmul *csr_matmul;
    rc_sparse_matmul *sparse_matmul;
    rc_sparse_s8s8 *sparse_s8s8;
    rc_gemm_s8s8 *gemm_s8s8;
    rc_gemm_u8s8 *gemm_u8s8;
    rc_gemm_f32s8 *gemm_f32s8;
    rc_gemm_f32s4 *gemm_f32s4;
    rc_gemm_f32f16 *gemm_f32f16;
    rc_gemm_f32bf16 *gemm_f32bf16;
    rc_gemm_f32fp8 *gemm_f32fp8;
    rc_gemm_f32lut4 *gemm_f32lut4;
    rc_gemm_f32lut8 *gemm_f32lut8;
    rc_gemm_f32nf4 *gemm_f32nf4;
    rc_gemm_f32mx *gemm_f32mx;
    rc_gemm_f32nvfp4 *gemm_f32nvfp4;
    rc_gemm_f32mixed *gemm_f32mixed;
    rc_gemm_f32f32 *gemm_f32f32;
    rc_gemm_s8_pack *gemm_s8_pack;
    rc_gemm_s8s8_packed *gemm_s8s8_packed;
    rc_gemm_u8s8_packed *gemm_u8s8_packed;
    rc_gemm_bf16bf16 *gemm_bf16bf16;
    rc_gemm_s8s8_requantized *gemm_s8s8_requantized;
    rc_gemm_s8s8_scaled *gemm_s8s8_scaled;
    rc_gemm_coded_pack *gemm_coded_pack;
    rc_gemm_s8_lay *gemm_s8_lay;
    rc_gemm_s8s4 *gemm_s8s4;
    rc_gemm_s8lut4 *gemm_s8lut4;
    rc_requantize_s32 *requantize_s32;
    rc_prune_select *prune_select;
    rc_prune_magnitude *prune_magnitude;
    rc_prune_project_l0 *prune_project_l0;
    rc_prune_nm *prune_nm;
    rc_prune_sums *prune_sums;
    rc_prune_spread *prune_spread;
    rc_prune_score_wanda *prune_score_wanda;
    rc_prune_score_taylor *prune_score_taylor;
    rc_prune_score_movement *prune_score_movement;
    rc_prune_score_obd *prune_score_obd;
    rc_prune_score_fisher *prune_score_fisher;
    rc_prune_score_apoz *prune_score_apoz;
    rc_prune_score_activation *prune_score_activation;
    rc_prune_chain *prune_chain;
    rc_prune_threshold *prune_threshold;
    rc_csr_count *csr_count;
    rc_csr_from_dense *csr_from_dense;
    rc_csr_to_dense *csr_to_dense;
    rc_nn_depthwise_s8 *nn_depthwise_s8;
    rc_nn_average_pool_s8 *nn_average_pool_s8;
    rc_nn_add_s8 *nn_add_s8;
    rc_nn_multiply_s8 *nn_multiply_s8;
    rc_nn_lookup_s8 *nn_lookup_s8;
    rc_quantize_s8 *quantize_s8;
    rc_dequantize_s8 *dequantize_s8;
    rc_quantize_s16 *quantize_s16;
    rc_dequantize_s16 *dequantize_s16;
    rc_quantize_range_minmax *quantize_range_minmax;
    rc_quantize_range_percentile *quantize_range_percentile;
    rc_quantize_range_ranks *quantize_range_ranks;
    rc_quantize_range_mse *quantize_range_mse;
    rc_quantize_errors *quantize_errors;
    rc_quantize_range_kl *quantize_range_kl;
    rc_quantize_runs_s8 *quantize_runs_s8;
    rc_quantize_runs_s16 *quantize_runs_s16;
    rc_quantize_pack *quantize_pack;
    rc_quantize_unpack *quantize_unpack;
    rc_quantize_gptq *quantize_gptq;
    rc_quantize_adaround *quantize_adaround;
    rc_prune_obs *prune_obs;
    rc_quantize_binary *quantize_binary;
    rc_quantize_ternary *quantize_ternary;
    rc_quantize_changes *quantize_changes;
    rc_quantize_few_sum *quantize_few_sum;
    rc_quantize_bias_s32 *quantize_bias_s32;
    rc_dequantize_bias_s32 *dequantize_bias_s32;
    rc_prune_sparsegpt *prune_sparsegpt;
    rc_floats_encode *floats_encode;
    rc_floats_decode *floats_decode;
    rc_floats_mx_encode *floats_mx_encode;
    rc_floats_mx_decode *floats_mx_decode;
    rc_floats_nf4_encode *floats_nf4_encode;
    rc_floats_nf4_decode *floats_nf4_decode;
    rc_floats_maxima *floats_maxima;
    rc_floats_nvfp4_encode *floats_nvfp4_encode;
    rc_floats_nvfp4_decode *floats_nvfp4_decode;
    rc_ggml_encode *ggml_encode;
    rc_ggml_decode *ggml_decode;
    rc_planes_split *planes_split;
    rc_planes_join *planes_join;
    rc_planes_encode *planes_encode;
    rc_planes_decode *planes_decode;
    rc_share_kmeans *share_kmeans;
    rc_huffman_counts *huffman_counts;
    rc_share_codes *share_codes;
    rc_huffman_blocks *huffman_blocks;
    rc_huffman_lengths *huffman_lengths;
    rc_huffman_code *huffman_code;
    rc_huffman_encode *huffman_encode;
    rc_huffman_decode *huffman_decode;
    rc_rangecoder_encode *rangecoder_encode;
    rc_rangecoder_decode *rangecoder_decode;
    rc_rangecoder_encode_rows *rangecoder_encode_rows;
    rc_rangecoder_decode_rows *rangecoder_decode_rows;
    rc_nn_activation *nn_activation;
    rc_nn_softmax *nn_softmax;
    rc_nn_layer_norm *nn_layer_norm;
    rc_nn_rms_norm *nn_rms_norm;
    rc_nn_patches *nn_patches;
    rc_nn_max_pool *nn_max_pool;
    rc_nn_average_pool *nn_average_pool;
    rc_nn_depthwise_f32 *nn_depthwise_f32;
};

/* The row of a level (0 is portable, then wider and wider), or NULL past the last one that was compiled. */
const struct rc_kernels *rc_kernels_at(size_t level);

/* Whether this processor, and its operating system, can run the kernels of that level. */
int rc_supported(size_t level);

/* The compiler that built this library, and its version. */
const char *rc_compiler(void);
#endif
