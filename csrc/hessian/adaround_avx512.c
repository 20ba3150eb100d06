/* The template with vectors of eight doubles. */
#include "../kernels.h"
#if RC_X86
#define ADAROUND rc_quantize_adaround_avx512
#define TARGET RC_AVX512
#define LANES 8
#define IN_TURN(v) __asm__("" : "+v"(v))
#define WIDEN(v) _mm512_cvtps_pd(v)
#define AT_LEAST(low, v) ((VEC)_mm512_max_pd(low, v))
#define AT_MOST(high, v) ((VEC)_mm512_min_pd(high, v))
#define SELECT_LESS(a, b, yes, no) ((VEC)_mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), no, yes))
#include "adaround.h"
#endif
