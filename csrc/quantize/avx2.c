/* What changed since the portable file: eight elements at a time. The conversion rounds ties to even by itself. */
#include "places.h"
#if RC_X86

#include "../vec_avx2.h"

#define INT __m256i

RC_INLINE TARGET __m256 v_min(__m256 a, __m256 b)
{
    return _mm256_min_ps(a, b);
}

/* Of a NaN and a number, the second operand. */
RC_INLINE TARGET __m256 v_max(__m256 a, __m256 b)
{
    return _mm256_max_ps(a, b);
}

RC_INLINE TARGET __m256 v_div(__m256 a, __m256 b)
{
    return _mm256_div_ps(a, b);
}

RC_INLINE TARGET __m256 v_mul(__m256 a, __m256 b)
{
    return _mm256_mul_ps(a, b);
}

RC_INLINE TARGET __m256i v_set1_int(int32_t a)
{
    return _mm256_set1_epi32(a);
}

RC_INLINE TARGET __m256i v_add_int(__m256i a, __m256i b)
{
    return _mm256_add_epi32(a, b);
}

RC_INLINE TARGET __m256i v_sub_int(__m256i a, __m256i b)
{
    return _mm256_sub_epi32(a, b);
}

RC_INLINE TARGET __m256 v_to_float(__m256i a)
{
    return _mm256_cvtepi32_ps(a);
}

/* To the nearest, ties to even. */
RC_INLINE TARGET __m256i v_to_int(__m256 a)
{
    return _mm256_cvtps_epi32(a);
}

/* What is not finite is remembered in sums of x - x, which is 0, or NaN where x is special; once NaN, a lane stays
 * NaN. */
#define BAD __m256

RC_INLINE TARGET __m256 nothing_bad(void)
{
    return _mm256_setzero_ps();
}

RC_INLINE TARGET __m256 worse(__m256 bad, __m256 x)
{
    return _mm256_add_ps(bad, _mm256_sub_ps(x, x));
}

RC_INLINE TARGET int any_bad(__m256 bad)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(bad, bad, _CMP_UNORD_Q));
}

/* The integers from values[i] on as int32; int16_t if wide, else int8_t. */
RC_INLINE TARGET __m256i v_widen(const int wide, const void *values, size_t i)
{
    return wide ? _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)((const int16_t *)values + i)))
                : _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)((const int8_t *)values + i)));
}

/* And back: packing saturates, which changes nothing, for they were clipped before. */
RC_INLINE TARGET void v_narrow(const int wide, void *values, size_t i, __m256i v)
{
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    if (wide)
        _mm_storeu_si128((__m128i *)((int16_t *)values + i), words);
    else
        _mm_storel_epi64((__m128i *)((int8_t *)values + i), _mm_packs_epi16(words, words));
}

/* Over the lanes: halves against each other, then quarters, then neighbours. */
RC_INLINE TARGET float v_reduce_min(__m256 v)
{
    __m128 t = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    t = _mm_min_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_min_ps(t, _mm_movehdup_ps(t)));
}

RC_INLINE TARGET float v_reduce_max(__m256 v)
{
    __m128 t = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    t = _mm_max_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_max_ps(t, _mm_movehdup_ps(t)));
}

RC_INLINE TARGET __m256 v_magnitude(__m256 a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

/* Eight vectors become one in three steps, each of which halves their number: pairs of lanes, of pairs, of halves. */
#define EXTREMES(NAME, OP) \
    RC_INLINE TARGET __m256 NAME(const __m256 *from) \
    { \
        __m256 v[4]; \
        RC_UNROLL \
        for (int i = 0; i < 4; i++) \
            v[i] = OP(_mm256_unpacklo_ps(from[2 * i], from[2 * i + 1]), \
                      _mm256_unpackhi_ps(from[2 * i], from[2 * i + 1])); \
        RC_UNROLL \
        for (int i = 0; i < 2; i++) { \
            const __m256d a = _mm256_castps_pd(v[2 * i]), b = _mm256_castps_pd(v[2 * i + 1]); \
            v[i] = OP(_mm256_castpd_ps(_mm256_unpacklo_pd(a, b)), _mm256_castpd_ps(_mm256_unpackhi_pd(a, b))); \
        } \
        return OP(_mm256_permute2f128_ps(v[0], v[1], 0x20), _mm256_permute2f128_ps(v[0], v[1], 0x31)); \
    }

EXTREMES(v_minima, _mm256_min_ps)
EXTREMES(v_maxima, _mm256_max_ps)

#define MINMAX rc_quantize_range_minmax_avx2
#define QUANTIZE_S8 rc_quantize_s8_avx2
#define QUANTIZE_S16 rc_quantize_s16_avx2
#define QUANTIZE_RUNS_S8 rc_quantize_runs_s8_avx2
#define QUANTIZE_RUNS_S16 rc_quantize_runs_s16_avx2
#define DEQUANTIZE_S8 rc_dequantize_s8_avx2
#define DEQUANTIZE_S16 rc_dequantize_s16_avx2
#include "minmax.h"
#include "vectors.h"
#endif
