/* What changed since AVX2: sixteen elements at a time, one instruction to narrow them, one to find what is not
 * finite. */
#include "places.h"
#if RC_X86

#include "../vec_avx512.h"

#define INT __m512i

RC_INLINE TARGET __m512 v_min(__m512 a, __m512 b)
{
    return _mm512_min_ps(a, b);
}

/* Of a NaN and a number, the second operand. */
RC_INLINE TARGET __m512 v_max(__m512 a, __m512 b)
{
    return _mm512_max_ps(a, b);
}

RC_INLINE TARGET __m512 v_div(__m512 a, __m512 b)
{
    return _mm512_div_ps(a, b);
}

RC_INLINE TARGET __m512 v_mul(__m512 a, __m512 b)
{
    return _mm512_mul_ps(a, b);
}

RC_INLINE TARGET __m512i v_set1_int(int32_t a)
{
    return _mm512_set1_epi32(a);
}

RC_INLINE TARGET __m512i v_add_int(__m512i a, __m512i b)
{
    return _mm512_add_epi32(a, b);
}

RC_INLINE TARGET __m512i v_sub_int(__m512i a, __m512i b)
{
    return _mm512_sub_epi32(a, b);
}

RC_INLINE TARGET __m512 v_to_float(__m512i a)
{
    return _mm512_cvtepi32_ps(a);
}

/* To the nearest, ties to even. */
RC_INLINE TARGET __m512i v_to_int(__m512 a)
{
    return _mm512_cvtps_epi32(a);
}

/* What is not finite is remembered in a mask: quiet NaN, +inf, -inf and signalling NaN are the classes 0x99. */
#define BAD __mmask16

RC_INLINE TARGET __mmask16 nothing_bad(void)
{
    return 0;
}

RC_INLINE TARGET __mmask16 worse(__mmask16 bad, __m512 x)
{
    return (__mmask16)(bad | _mm512_fpclass_ps_mask(x, 0x99));
}

RC_INLINE TARGET int any_bad(__mmask16 bad)
{
    return bad;
}

RC_INLINE TARGET __m512i v_widen(const int wide, const void *values, size_t i)
{
    return wide ? _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)((const int16_t *)values + i)))
                : _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)((const int8_t *)values + i)));
}

RC_INLINE TARGET void v_narrow(const int wide, void *values, size_t i, __m512i v)
{
    if (wide)
        _mm256_storeu_si256((__m256i *)((int16_t *)values + i), _mm512_cvtepi32_epi16(v));
    else
        _mm_storeu_si128((__m128i *)((int8_t *)values + i), _mm512_cvtepi32_epi8(v));
}

RC_INLINE TARGET float v_reduce_min(__m512 v)
{
    return _mm512_reduce_min_ps(v);
}

RC_INLINE TARGET float v_reduce_max(__m512 v)
{
    return _mm512_reduce_max_ps(v);
}

RC_INLINE TARGET __m512 v_magnitude(__m512 a)
{
    return _mm512_abs_ps(a);
}

/* Sixteen vectors become one in four steps, each of which halves their number: pairs of lanes, of pairs, of
 * quarters. */
#define EXTREMES(NAME, OP) \
    RC_INLINE TARGET __m512 NAME(const __m512 *from) \
    { \
        __m512 v[8]; \
        RC_UNROLL \
        for (int i = 0; i < 8; i++) \
            v[i] = OP(_mm512_unpacklo_ps(from[2 * i], from[2 * i + 1]), \
                      _mm512_unpackhi_ps(from[2 * i], from[2 * i + 1])); \
        RC_UNROLL \
        for (int i = 0; i < 4; i++) { \
            const __m512d a = _mm512_castps_pd(v[2 * i]), b = _mm512_castps_pd(v[2 * i + 1]); \
            v[i] = OP(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b))); \
        } \
        RC_UNROLL \
        for (int i = 0; i < 2; i++) \
            v[i] = OP(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x88), \
                      _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xDD)); \
        return OP(_mm512_shuffle_f32x4(v[0], v[1], 0x88), _mm512_shuffle_f32x4(v[0], v[1], 0xDD)); \
    }

EXTREMES(v_minima, _mm512_min_ps)
EXTREMES(v_maxima, _mm512_max_ps)

#define MINMAX rc_quantize_range_minmax_avx512
#define QUANTIZE_S8 rc_quantize_s8_avx512
#define QUANTIZE_S16 rc_quantize_s16_avx512
#define QUANTIZE_RUNS_S8 rc_quantize_runs_s8_avx512
#define QUANTIZE_RUNS_S16 rc_quantize_runs_s16_avx512
#define DEQUANTIZE_S8 rc_dequantize_s8_avx512
#define DEQUANTIZE_S16 rc_dequantize_s16_avx512
#include "minmax.h"
#include "vectors.h"
#endif
