/* What changed since the portable file: eight elements at a time. The conversion rounds halves to even by itself, and packing
 * saturates, which changes nothing: values were clipped before. */
#include "places.h"
#if RC_X86

#define TARGET RC_AVX2
#define VEC __m256
#define INT __m256i
#define LANES 8
#define set1 _mm256_set1_ps
#define load _mm256_loadu_ps
#define store _mm256_storeu_ps
#define min_of _mm256_min_ps
#define max_of _mm256_max_ps
#define divide _mm256_div_ps
#define multiply _mm256_mul_ps
#define set1_int _mm256_set1_epi32
#define add_int _mm256_add_epi32
#define sub_int _mm256_sub_epi32
#define to_float _mm256_cvtepi32_ps
#define to_int _mm256_cvtps_epi32

/* x - x is 0, or NaN where x is special; NaN in one lane, and its sum stays NaN. */
#define BAD __m256
#define nothing_bad _mm256_setzero_ps
#define worse(bad, x) _mm256_add_ps(bad, _mm256_sub_ps(x, x))
#define any_bad(bad) _mm256_movemask_ps(_mm256_cmp_ps(bad, bad, _CMP_UNORD_Q))

RC_INLINE TARGET __m256i widen_s8(const int8_t *values)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)values));
}

RC_INLINE TARGET __m256i widen_s16(const int16_t *values)
{
    return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)values));
}

RC_INLINE TARGET __m128i halved(__m256i v)
{
    return _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

RC_INLINE TARGET void narrow_s8(int8_t *values, __m256i v)
{
    const __m128i words = halved(v);
    _mm_storel_epi64((__m128i *)values, _mm_packs_epi16(words, words));
}

RC_INLINE TARGET void narrow_s16(int16_t *values, __m256i v)
{
    _mm_storeu_si128((__m128i *)values, halved(v));
}

/* Over the lanes: halves against each other, then quarters, then neighbours. */
#define OVER_LANES(NAME, OF)                                                                    \
    RC_INLINE TARGET float NAME(__m256 v)                                                       \
    {                                                                                           \
        __m128 t = OF(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));                  \
        t = OF(t, _mm_movehl_ps(t, t));                                                         \
        return _mm_cvtss_f32(OF(t, _mm_movehdup_ps(t)));                                        \
    }
OVER_LANES(least_of, _mm_min_ps)
OVER_LANES(most_of, _mm_max_ps)
#define MINMAX rc_quantize_range_minmax_avx2
#include "minmax.h"

#define CODE int8_t
#define QUANTIZE rc_quantize_s8_avx2
#define QUANTIZE_RUNS rc_quantize_runs_s8_avx2
#define DEQUANTIZE rc_dequantize_s8_avx2
#define QUANTIZE_RUN quantize_run_s8
#define DEQUANTIZE_RUN dequantize_run_s8
#define widen widen_s8
#define narrow narrow_s8
#include "vectors.h"

#define CODE int16_t
#define QUANTIZE rc_quantize_s16_avx2
#define QUANTIZE_RUNS rc_quantize_runs_s16_avx2
#define DEQUANTIZE rc_dequantize_s16_avx2
#define QUANTIZE_RUN quantize_run_s16
#define DEQUANTIZE_RUN dequantize_run_s16
#define widen widen_s16
#define narrow narrow_s16
#include "vectors.h"
#endif
