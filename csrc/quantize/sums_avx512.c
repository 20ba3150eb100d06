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

/* Eight sums times scales below 1, rounded once: the exact product is below 2^31, and the sum with RC_UNITS, whose unit
 * in the last place is 1, has the integer in its lower half. */
RC_INLINE TARGET __m512i eight(__m256i x, __m512d scale)
{
    return _mm512_castpd_si512(_mm512_fmadd_pd(_mm512_cvtepi32_pd(x), scale, _mm512_set1_pd(RC_UNITS)));
}

/* Likewise floor(x scale + 1 / 2): with a unit of 1 / 2 and rounded down, twice the integer is in the lower half, and
 * one bit more. */
RC_INLINE TARGET __m512i eight_up(__m256i x, __m512d scale)
{
    const __m512d units = _mm512_set1_pd(RC_UNITS / 2 + 0.5);
    return _mm512_srli_epi64(_mm512_castpd_si512(_mm512_fmadd_round_pd(
        _mm512_cvtepi32_pd(x), scale, units, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)), 1);
}

/* multiplier / 2^(31 + shift) of eight outputs. */
RC_INLINE TARGET __m512d scales_of(const int32_t *multiplier, const int32_t *shift)
{
    const __m256i power = _mm256_sub_epi32(_mm256_set1_epi32(-31), _mm256_loadu_si256((const __m256i *)shift));
    return _mm512_scalef_pd(_mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)multiplier)),
                            _mm512_cvtepi32_pd(power));
}

/* The lower halves of sixteen integers of 64 bits. */
RC_INLINE TARGET __m512i lower_halves(__m512i a, __m512i b)
{
    return _mm512_permutex2var_epi32(
        a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}

/* q / 2^shift, halves away from zero; shift : 0 to 31. */
RC_INLINE TARGET __m512i shifted_away(__m512i q, int32_t shift)
{
    const __m128i by = _mm_cvtsi32_si128(shift);
    const __m512i mask = _mm512_set1_epi32((int32_t)((1u << shift) - 1)), one = _mm512_set1_epi32(1);
    const __m512i most = _mm512_add_epi32(_mm512_srli_epi32(mask, 1), _mm512_srli_epi32(q, 31));
    const __m512i down = _mm512_sra_epi32(q, by);
    return _mm512_mask_add_epi32(down, _mm512_cmpgt_epi32_mask(_mm512_and_si512(q, mask), most), down, one);
}

/* Sixteen at a time by scales in double, of `rows` rows that have the same outputs; what an output's scale is made of
 * is then read once. Returns how many of the count outputs were done: none where a scale is not below 1. */
RC_INLINE TARGET size_t in_double(const enum rc_rounding how, const int each, const size_t rows, size_t columns,
                                  size_t count, const int32_t *x, const int32_t *multiplier, const int32_t *shift,
                                  const struct rc_to_s8 *to, int8_t *y)
{
    const __m512i zero_point = _mm512_set1_epi32(to->zero_point);
    const __m512i lowest = _mm512_set1_epi32(to->lowest - to->zero_point);
    const __m512i highest = _mm512_set1_epi32(to->highest - to->zero_point);
    /* gemmlowp rounds the product's upper half first. */
    const double one = how == RC_GEMMLOWP ? rc_scale_of(*multiplier, 0) : rc_scale_of(*multiplier, *shift);
    __m512d low = _mm512_set1_pd(one), high = low;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        if (each) {
            if (_mm512_movepi32_mask(_mm512_loadu_si512(shift + i)))
                break;
            low = scales_of(multiplier + i, shift + i);
            high = scales_of(multiplier + i + 8, shift + i + 8);
        }
        RC_UNROLL
        for (size_t r = 0; r < rows; r++) {
            const __m256i *at = (const __m256i *)(x + r * columns + i);
            const __m256i a = _mm256_loadu_si256(at), b = _mm256_loadu_si256(at + 1);
            const __m512i t = how == RC_GEMMLOWP
                                  ? shifted_away(lower_halves(eight_up(a, low), eight_up(b, high)), *shift)
                                  : lower_halves(eight(a, low), eight(b, high));
            const __m512i clipped = _mm512_min_epi32(_mm512_max_epi32(t, lowest), highest);
            _mm_storeu_si128((__m128i *)(y + r * columns + i),
                             _mm512_cvtepi32_epi8(_mm512_add_epi32(clipped, zero_point)));
        }
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
    if (!wide && ((how == RC_HALF_EVEN && (each || *shift >= 0)) || (how == RC_GEMMLOWP && !each)))
        i = in_double(how, each, 1, 0, count, x, multiplier, shift, to, y);
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

/* Four rows of outputs that each have a multiplier and a shift. */
#define ROWS 4
RC_INLINE TARGET void requantize_rows(const enum rc_rounding how, const int wide, size_t columns, const int32_t *x,
                                      const int32_t *multiplier, const int32_t *shift, const struct rc_to_s8 *to,
                                      void *y)
{
    size_t i = 0;
    if (!wide && how == RC_HALF_EVEN)
        i = in_double(how, 1, ROWS, columns, columns, x, multiplier, shift, to, y);
    for (size_t r = 0; i < columns && r < ROWS; r++)
        requantize_run(how, wide, 1, columns - i, x + r * columns + i, multiplier + i, shift + i, to,
                       (char *)y + (r * columns + i) * (wide ? sizeof(int16_t) : sizeof(int8_t)));
}

#define REQUANTIZE rc_requantize_s32_avx512
#include "sums.h"
#endif
