/* The table of kernels: which function serves an operation on an instruction set. grep for an operation's name here, and
 * you have all its implementations. */
#include "kernels.h"

static const struct rc_kernels table[] = {
    {
        .isa = "portable",
        .csr_matmul = rc_csr_matmul_portable,
        .gemm_s8s8 = rc_gemm_s8s8_portable,
        .gemm_u8s8 = rc_gemm_u8s8_portable,
        .gemm_f32s8 = rc_gemm_f32s8_portable,
        .gemm_f32mixed = rc_gemm_f32mixed_portable,
        .gemm_f32f32 = rc_gemm_f32f32_portable,
        .quantize_s8 = rc_quantize_s8_portable,
        .dequantize_s8 = rc_dequantize_s8_portable,
        .quantize_s16 = rc_quantize_s16_portable,
        .dequantize_s16 = rc_dequantize_s16_portable,
        .quantize_range_minmax = rc_quantize_range_minmax_portable,
        .quantize_runs_s8 = rc_quantize_runs_s8_portable,
        .quantize_runs_s16 = rc_quantize_runs_s16_portable,
        .floats_encode = rc_floats_encode_portable,
        .floats_decode = rc_floats_decode_portable,
        .share_kmeans = rc_share_kmeans_portable,
        .huffman_lengths = rc_huffman_lengths_portable,
        .huffman_code = rc_huffman_code_portable,
        .huffman_encode = rc_huffman_encode_portable,
        .huffman_decode = rc_huffman_decode_portable,
        .rangecoder_encode = rc_rangecoder_encode_portable,
        .rangecoder_decode = rc_rangecoder_decode_portable,
    },
#if RC_X86
    {
        .isa = "avx2",
        .csr_matmul = rc_csr_matmul_avx2,
        .gemm_s8s8 = rc_gemm_s8s8_avx2,
        .gemm_u8s8 = rc_gemm_u8s8_avx2,
        .gemm_f32s8 = rc_gemm_f32s8_avx2,
        .gemm_f32mixed = rc_gemm_f32mixed_avx2,
        .gemm_f32f32 = rc_gemm_f32f32_avx2,
        .quantize_s8 = rc_quantize_s8_avx2,
        .dequantize_s8 = rc_dequantize_s8_avx2,
        .quantize_s16 = rc_quantize_s16_avx2,
        .dequantize_s16 = rc_dequantize_s16_avx2,
        .quantize_range_minmax = rc_quantize_range_minmax_avx2,
        .quantize_runs_s8 = rc_quantize_runs_s8_avx2,
        .quantize_runs_s16 = rc_quantize_runs_s16_avx2,
        .floats_encode = rc_floats_encode_avx2,
        .floats_decode = rc_floats_decode_avx2,
    },
    {
        .isa = "avx512",
        .csr_matmul = rc_csr_matmul_avx512,
        .gemm_s8s8 = rc_gemm_s8s8_avx512,
        .gemm_u8s8 = rc_gemm_u8s8_avx512,
        .gemm_f32s8 = rc_gemm_f32s8_avx512,
        .gemm_f32mixed = rc_gemm_f32mixed_avx512,
        .gemm_f32f32 = rc_gemm_f32f32_avx512,
        .quantize_s8 = rc_quantize_s8_avx512,
        .dequantize_s8 = rc_dequantize_s8_avx512,
        .quantize_s16 = rc_quantize_s16_avx512,
        .dequantize_s16 = rc_dequantize_s16_avx512,
        .quantize_range_minmax = rc_quantize_range_minmax_avx512,
        .quantize_runs_s8 = rc_quantize_runs_s8_avx512,
        .quantize_runs_s16 = rc_quantize_runs_s16_avx512,
        .floats_encode = rc_floats_encode_avx512,
        .floats_decode = rc_floats_decode_avx512,
        .huffman_encode = rc_huffman_encode_avx512,
        .huffman_decode = rc_huffman_decode_avx512,
    },
#endif
};

const struct rc_kernels *rc_kernels_at(size_t level)
{
    return level < sizeof table / sizeof table[0] ? &table[level] : NULL;
}

int rc_supported(size_t level)
{
    switch (level) {
    case 0:
        return 1;
#if RC_X86
    case 1:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case 2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
               __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
#endif
    default:
        return 0;
    }
}

const char *rc_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}
