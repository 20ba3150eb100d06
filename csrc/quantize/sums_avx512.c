/* What changed since AVX2: eight products of 62 bits in a vector, which one instruction shifts, each by its own number
 * of bits; so all multipliers, shifts and ways of rounding go the same way. */
#include "../requantize.h"
#if RC_X86

#define TARGET RC_AVX512

/* What one or eight sums share: the shift of their products and what is added before it. */
struct rounding {
    __m512i multiplier, shift, add, away;
};

RC_INLINE TARGET struct rounding rounding_of(const enum rc_rounding how, __m256i multiplier, __m256i shift)
{
    const __m512i one = _mm512_set1_epi64(1);
    __m512i s = _mm512_cvtepi32_epi64(shift);
    if (how != RC_GEMMLOWP)
        s = _mm512_add_epi64(s, _mm512_set1_epi64(31));
    const __m512i half = _mm512_srli_epi64(_mm512_sllv_epi64(one, s), 1); /* 0 for a shift of 0 */
    const __mmask8 some = _mm512_test_epi64_mask(s, s);
    return (struct rounding){
        .multiplier = _mm512_cvtepi32_epi64(multiplier),
        .shift = s,
        .add = how == RC_HALF_EVEN ? _mm512_sub_epi64(half, one) : half,
        .away = _mm512_maskz_set1_epi64(some, -1),
    };
}

RC_INLINE TARGET __m512i rounded(const enum rc_rounding how, __m256i x, struct rounding by)
{
    __m512i p = _mm512_mul_epi32(_mm512_cvtepi32_epi64(x), by.multiplier);
    if (how == RC_HALF_EVEN) {
        const __m512i odd = _mm512_and_si512(_mm512_srav_epi64(p, by.shift), _mm512_set1_epi64(1));
        return _mm512_srav_epi64(_mm512_add_epi64(_mm512_add_epi64(p, by.add), odd), by.shift);
    }
    if (how == RC_GEMMLOWP)
        p = _mm512_srai_epi64(_mm512_add_epi64(p, _mm512_set1_epi64(1 << 30)), 31);
    const __m512i below = _mm512_and_si512(_mm512_srai_epi64(p, 63), by.away);
    return _mm512_srav_epi64(_mm512_add_epi64(_mm512_add_epi64(p, by.add), below), by.shift);
}

/* Sixteen at a time by a scale in double, as the narrower kernels do it, where that is exact; returns how many. */
RC_INLINE TARGET size_t in_double(size_t count, const int32_t *x, const struct rc_to_s8 *to, int8_t *y)
{
    const __m512d scale = _mm512_set1_pd(rc_scale_of(*to->multiplier, *to->shift));
    const __m512i zero_point = _mm512_set1_epi32(to->zero_point);
    const __m512i lowest = _mm512_set1_epi32(to->lowest - to->zero_point);
    const __m512i highest = _mm512_set1_epi32(to->highest - to->zero_point);
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512d a = _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)(x + i)));
        const __m512d b = _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)(x + i + 8)));
        const __m512i t = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(_mm512_mul_pd(a, scale))),
                                             _mm512_cvtpd_epi32(_mm512_mul_pd(b, scale)), 1);
        const __m512i clipped = _mm512_min_epi32(_mm512_max_epi32(t, lowest), highest);
        _mm_storeu_si128((__m128i *)(y + i), _mm512_cvtepi32_epi8(_mm512_add_epi32(clipped, zero_point)));
    }
    return i;
}

RC_INLINE TARGET void requantize_run(const enum rc_rounding how, const int wide, const int each, size_t count,
                                     const int32_t *x, const int32_t *multiplier, const int32_t *shift,
                                     const struct rc_to_s8 *to, void *y)
{
    const __m512i lowest = _mm512_set1_epi64(to->lowest - to->zero_point);
    const __m512i highest = _mm512_set1_epi64(to->highest - to->zero_point);
    const __m256i zero_point = _mm256_set1_epi32(to->zero_point);
    struct rounding by = rounding_of(how, _mm256_set1_epi32(*multiplier), _mm256_set1_epi32(*shift));
    size_t i = 0;
    if (how == RC_HALF_EVEN && !wide && !each && rc_exact_in_double(to, 0, INT32_MAX))
        i = in_double(count, x, to, y);
    for (; i < count; i += 8) {
        const __mmask8 some = count - i < 8 ? (__mmask8)((1u << (count - i)) - 1) : 0xFF;
        if (each)
            by = rounding_of(how, _mm256_maskz_loadu_epi32(some, multiplier + i),
                             _mm256_maskz_loadu_epi32(some, shift + i));
        const __m512i t = rounded(how, _mm256_maskz_loadu_epi32(some, x + i), by);
        const __m256i v = _mm256_add_epi32(
            _mm512_cvtepi64_epi32(_mm512_min_epi64(_mm512_max_epi64(t, lowest), highest)), zero_point);
        if (wide)
            _mm_mask_storeu_epi16((int16_t *)y + i, some, _mm256_cvtepi32_epi16(v));
        else if (some == 0xFF)
            _mm_storel_epi64((__m128i *)((int8_t *)y + i), _mm256_cvtepi32_epi8(v));
        else
            _mm_mask_storeu_epi8((int8_t *)y + i, some, _mm256_cvtepi32_epi8(v));
    }
}

#define REQUANTIZE rc_requantize_s32_avx512
#include "sums.h"
#endif
