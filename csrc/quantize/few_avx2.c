/* The template with vectors of four doubles. */
#include "../kernels.h"
#if RC_X86
#define BINARY rc_quantize_binary_avx2
#define TERNARY rc_quantize_ternary_avx2
#define FEW_SUM rc_quantize_few_sum_avx2
#define FEW_VALUES rc_quantize_few_values_avx2
#define TARGET RC_AVX2
#define LANES 4
#define WIDEN(v) _mm256_cvtps_pd(v)
#include "few.h"
#endif
