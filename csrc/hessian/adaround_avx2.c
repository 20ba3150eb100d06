/* The template with vectors of four doubles. */
#include "../kernels.h"
#if RC_X86
#define ADAROUND rc_quantize_adaround_avx2
#define TARGET RC_AVX2
#define LANES 4
#define IN_TURN(v) __asm__("" : "+x"(v))
#define WIDEN(v) _mm256_cvtps_pd(v)
#define AT_LEAST(low, v) ((VEC)_mm256_max_pd(low, v))
#define AT_MOST(high, v) ((VEC)_mm256_min_pd(high, v))
#define SELECT_LESS(a, b, yes, no) ((VEC)_mm256_blendv_pd(no, yes, _mm256_cmp_pd(a, b, _CMP_LT_OQ)))
#include "adaround.h"
#endif
