/* What the kernels share: which instruction sets there are, and the names of all kernels. C only; Python sees refcompress.h. */
#ifndef REFCOMPRESS_KERNELS_H
#define REFCOMPRESS_KERNELS_H
#include "refcompress.h"

/* Function-level targets: a file compiled with -mavx512f could leak such instructions into a function meant for AVX2. */
#if defined(__x86_64__)
#define RC_X86 1
#include <immintrin.h>
#define RC_AVX2 __attribute__((target("avx2,fma")))
/* One level for what Ice Lake, Zen 4 and everything later has; older AVX-512 processors take the AVX2 kernels. */
#define RC_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx2,fma")))
#else
#define RC_X86 0
#endif

/* For what is written once as a template, and must vanish into the kernel that uses it: a tile of vectors then lives in
 * registers, because all indices into it are constants once its loops are unrolled. */
#define RC_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define RC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RC_UNROLL _Pragma("GCC unroll 16")
#endif

rc_csr_matmul rc_csr_matmul_portable, rc_csr_matmul_avx2, rc_csr_matmul_avx512;
rc_gemm_s8s8 rc_gemm_s8s8_portable, rc_gemm_s8s8_avx2, rc_gemm_s8s8_avx512;
rc_gemm_u8s8 rc_gemm_u8s8_portable, rc_gemm_u8s8_avx2, rc_gemm_u8s8_avx512;
rc_gemm_f32s8 rc_gemm_f32s8_portable, rc_gemm_f32s8_avx2, rc_gemm_f32s8_avx512;
rc_gemm_f32mixed rc_gemm_f32mixed_portable, rc_gemm_f32mixed_avx2, rc_gemm_f32mixed_avx512;
rc_gemm_f32f32 rc_gemm_f32f32_portable, rc_gemm_f32f32_avx2, rc_gemm_f32f32_avx512;
rc_quantize_s8 rc_quantize_s8_portable, rc_quantize_s8_avx2, rc_quantize_s8_avx512;
rc_dequantize_s8 rc_dequantize_s8_portable, rc_dequantize_s8_avx2, rc_dequantize_s8_avx512;
rc_quantize_s16 rc_quantize_s16_portable, rc_quantize_s16_avx2, rc_quantize_s16_avx512;
rc_dequantize_s16 rc_dequantize_s16_portable, rc_dequantize_s16_avx2, rc_dequantize_s16_avx512;
rc_quantize_range_minmax rc_quantize_range_minmax_portable, rc_quantize_range_minmax_avx2, rc_quantize_range_minmax_avx512;
rc_quantize_runs_s8 rc_quantize_runs_s8_portable, rc_quantize_runs_s8_avx2, rc_quantize_runs_s8_avx512;
rc_quantize_runs_s16 rc_quantize_runs_s16_portable, rc_quantize_runs_s16_avx2, rc_quantize_runs_s16_avx512;
rc_floats_encode rc_floats_encode_portable, rc_floats_encode_avx2, rc_floats_encode_avx512;
rc_floats_decode rc_floats_decode_portable, rc_floats_decode_avx2, rc_floats_decode_avx512;
rc_share_kmeans rc_share_kmeans_portable;
rc_huffman_lengths rc_huffman_lengths_portable;
rc_huffman_code rc_huffman_code_portable;
rc_huffman_encode rc_huffman_encode_portable, rc_huffman_encode_avx512;
rc_huffman_decode rc_huffman_decode_portable, rc_huffman_decode_avx512;
rc_rangecoder_encode rc_rangecoder_encode_portable;
rc_rangecoder_decode rc_rangecoder_decode_portable;
#endif
