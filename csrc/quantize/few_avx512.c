/* The template with vectors of eight doubles. */
#include "../kernels.h"
#if RC_X86
#define BINARY rc_quantize_binary_avx512
#define TERNARY rc_quantize_ternary_avx512
#define FEW_SUM rc_quantize_few_sum_avx512
#define FEW_VALUES rc_quantize_few_values_avx512
#define TARGET RC_AVX512
#define LANES 8
#define WIDEN(v) _mm512_cvtps_pd(v)
#include "few.h"
#endif
