/* What changed since AVX2: sixteen elements at a time, one instruction to narrow them, one to find what is not finite. */
#include "places.h"
#if RC_X86

#define TARGET RC_AVX512
#define VEC __m512
#define INT __m512i
#define LANES 16
#define set1 _mm512_set1_ps
#define load _mm512_loadu_ps
#define store _mm512_storeu_ps
#define min_of _mm512_min_ps
#define max_of _mm512_max_ps
#define divide _mm512_div_ps
#define multiply _mm512_mul_ps
#define set1_int _mm512_set1_epi32
#define add_int _mm512_add_epi32
#define sub_int _mm512_sub_epi32
#define to_float _mm512_cvtepi32_ps
#define to_int _mm512_cvtps_epi32

#define BAD __mmask16
#define nothing_bad() 0
#define worse(bad, x) (__mmask16)((bad) | _mm512_fpclass_ps_mask(x, 0x99)) /* quiet NaN, +inf, -inf, signalling NaN */
#define any_bad(bad) (bad)

RC_INLINE TARGET __m512i widen_s8(const int8_t *values)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)values));
}

RC_INLINE TARGET __m512i widen_s16(const int16_t *values)
{
    return _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)values));
}

RC_INLINE TARGET void narrow_s8(int8_t *values, __m512i v)
{
    _mm_storeu_si128((__m128i *)values, _mm512_cvtepi32_epi8(v));
}

RC_INLINE TARGET void narrow_s16(int16_t *values, __m512i v)
{
    _mm256_storeu_si256((__m256i *)values, _mm512_cvtepi32_epi16(v));
}

#define least_of _mm512_reduce_min_ps
#define most_of _mm512_reduce_max_ps
#define MINMAX rc_quantize_range_minmax_avx512
#include "minmax.h"

#define CODE int8_t
#define QUANTIZE rc_quantize_s8_avx512
#define QUANTIZE_RUNS rc_quantize_runs_s8_avx512
#define DEQUANTIZE rc_dequantize_s8_avx512
#define QUANTIZE_RUN quantize_run_s8
#define DEQUANTIZE_RUN dequantize_run_s8
#define widen widen_s8
#define narrow narrow_s8
#include "vectors.h"

#define CODE int16_t
#define QUANTIZE rc_quantize_s16_avx512
#define QUANTIZE_RUNS rc_quantize_runs_s16_avx512
#define DEQUANTIZE rc_dequantize_s16_avx512
#define QUANTIZE_RUN quantize_run_s16
#define DEQUANTIZE_RUN dequantize_run_s16
#define widen widen_s16
#define narrow narrow_s16
#include "vectors.h"
#endif
