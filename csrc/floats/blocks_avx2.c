/* Eight numbers at a time; the level of a number is found by halves, with limits in registers. */
#include "../memory.h"
#include "number.h"
#if RC_X86

#define TARGET RC_AVX2
#define MX_ENCODE rc_floats_mx_encode_avx2
#define MX_DECODE rc_floats_mx_decode_avx2
#define NF4_ENCODE rc_floats_nf4_encode_avx2
#define NF4_DECODE rc_floats_nf4_decode_avx2
#define MAXIMA rc_floats_maxima_avx2
#define NVFP4_ENCODE rc_floats_nvfp4_encode_avx2
#define NVFP4_DECODE rc_floats_nvfp4_decode_avx2

/* The largest floats that are at most boundary * s; the products are exact. */
RC_INLINE TARGET __m256 round_down(const double *boundaries, float s)
{
    const __m256d by = _mm256_set1_pd((double)s);
    __m128 limits[2];
    RC_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m256d exact = _mm256_mul_pd(_mm256_loadu_pd(boundaries + 4 * i), by);
        const __m128 t = _mm256_cvtpd_ps(exact);
        const __m256 above = _mm256_castpd_ps(_mm256_cmp_pd(_mm256_cvtps_pd(t), exact, _CMP_GT_OQ));
        const __m128i wrong = _mm_castps_si128(
            _mm_shuffle_ps(_mm256_castps256_ps128(above), _mm256_extractf128_ps(above, 1), 0x88));
        const __m128i bits = _mm_castps_si128(t), one = _mm_or_si128(_mm_srai_epi32(bits, 31), _mm_set1_epi32(1));
        limits[i] = _mm_castsi128_ps(_mm_sub_epi32(bits, _mm_and_si128(one, wrong)));
    }
    return _mm256_insertf128_ps(_mm256_castps128_ps256(limits[0]), limits[1], 1);
}

/* One of eight floats in all lanes. */
RC_INLINE TARGET __m256 lane(__m256 v, int i)
{
    return _mm256_permutevar8x32_ps(v, _mm256_set1_epi32(i));
}

RC_INLINE TARGET __m256 above(__m256 x, __m256 limit)
{
    return _mm256_cmp_ps(x, limit, _CMP_GT_OQ);
}

/* 2 * code, and 1 more where the mask is set. */
RC_INLINE TARGET __m256i with_bit(__m256i code, __m256 mask)
{
    return _mm256_sub_epi32(_mm256_add_epi32(code, code), _mm256_castps_si256(mask));
}

/* Two vectors of eight int32, 0 to 255, as bytes. */
RC_INLINE TARGET void store_bytes(uint8_t *codes, __m256i a, __m256i b)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8);
    _mm_storeu_si128((__m128i *)codes, _mm_packus_epi16(_mm256_castsi256_si128(words),
                                                        _mm256_extracti128_si256(words, 1)));
}

#define LIMITS struct limits
struct limits {
    __m256 half, quarter, third, fours, twos; /* the limits at 7, 3, 11; 1, 5, 9, 13; 0, 2, ... 14 */
};

RC_INLINE TARGET LIMITS limits_of(const double *boundaries, float s)
{
    const __m256 low = round_down(boundaries, s), high = round_down(boundaries + 8, s);
    const __m256i every = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    return (LIMITS){
        .half = lane(low, 7), .quarter = lane(low, 3), .third = lane(high, 3),
        .fours = _mm256_permutevar8x32_ps(_mm256_shuffle_ps(low, high, 0xDD),
                                          _mm256_setr_epi32(0, 4, 2, 6, 0, 4, 2, 6)),
        .twos = _mm256_blend_ps(_mm256_permutevar8x32_ps(low, every), _mm256_permutevar8x32_ps(high, every), 0xF0),
    };
}

RC_INLINE TARGET void level_codes(LIMITS limits, const float *x, uint8_t *codes)
{
    __m256i code[2];
    RC_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m256 t = _mm256_loadu_ps(x + 8 * i), half = above(t, limits.half);
        const __m256 quarter = above(t, _mm256_blendv_ps(limits.quarter, limits.third, half));
        __m256i c = with_bit(with_bit(_mm256_setzero_si256(), half), quarter);
        c = with_bit(c, above(t, _mm256_permutevar8x32_ps(limits.fours, c)));
        code[i] = with_bit(c, above(t, _mm256_permutevar8x32_ps(limits.twos, c)));
    }
    store_bytes(codes, code[0], code[1]);
}

#define STEPS __m256

RC_INLINE TARGET STEPS steps_of(const double *boundaries, float s)
{
    return round_down(boundaries, s);
}

RC_INLINE TARGET void step_codes(STEPS all, const float *x, uint8_t *codes)
{
    const __m256 twos = _mm256_permutevar8x32_ps(all, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    __m256i code[2];
    RC_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m256 given = _mm256_loadu_ps(x + 8 * i), t = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), given);
        const __m256 half = above(t, lane(all, 3));
        const __m256 quarter = above(t, _mm256_blendv_ps(lane(all, 1), lane(all, 5), half));
        __m256i c = with_bit(with_bit(_mm256_setzero_si256(), half), quarter);
        c = with_bit(c, above(t, _mm256_permutevar8x32_ps(twos, c)));
        const __m256i sign = _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(given), 28), _mm256_set1_epi32(8));
        code[i] = _mm256_or_si256(c, _mm256_and_si256(sign, _mm256_cmpgt_epi32(c, _mm256_setzero_si256())));
    }
    store_bytes(codes, code[0], code[1]);
}

#define RATIOS int

RC_INLINE TARGET RATIOS ratios(void)
{
    return 0; /* what is needed stands in ratio_codes */
}

/* Four times a ratio, rounded down and rounded up: their sum is twice an integer, or between two such, and tells the
 * ratio's code, for all numbers at which the code changes are quarters. So sums of bytes are compared: the middle of
 * code i and the next, 4 * 2 times MIDDLES[i] of blocks.h, is still code i where i is even (ties go to even codes), and
 * the next where it is odd. The largest number is 6, so that what is above 7.75 may be cut to it; its sum is 62. */
RC_INLINE TARGET void ratio_codes(RATIOS none, const float *steps, const float *x, uint8_t *codes, int stream)
{
    static const int8_t below[7] = {2, 6 - 1, 10, 14 - 1, 20, 28 - 1, 40};
    const __m256 sign = _mm256_set1_ps(-0.0f);
    (void)none;
    prefetch(x, 64 * sizeof *x);
    for (size_t half = 0; half < 64; half += 32) {
        __m256i sum[4];
        RC_UNROLL
        for (size_t i = 0; i < 4; i++) {
            const __m256 given = _mm256_loadu_ps(x + half + 8 * i), step = _mm256_set1_ps(steps[half / 16 + i / 2]);
            const __m256 ratio =
                _mm256_min_ps(_mm256_div_ps(_mm256_andnot_ps(sign, given), step), _mm256_set1_ps(7.75f));
            const __m256 four = _mm256_mul_ps(ratio, _mm256_set1_ps(4.0f));
            const __m256 both = _mm256_add_ps(_mm256_floor_ps(four), _mm256_ceil_ps(four));
            sum[i] = _mm256_cvtps_epi32(_mm256_or_ps(both, _mm256_and_ps(sign, given)));
        }
        /* To narrow takes halves of two vectors in turn: fours of bytes are put back into their order. */
        const __m256i bytes = _mm256_permutevar8x32_epi32(
            _mm256_packs_epi16(_mm256_packs_epi32(sum[0], sum[1]), _mm256_packs_epi32(sum[2], sum[3])),
            _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        const __m256i magnitude = _mm256_abs_epi8(bytes), zero = _mm256_setzero_si256();
        __m256i code = zero;
        RC_UNROLL
        for (int i = 0; i < 7; i++) /* a comparison that holds is -1 */
            code = _mm256_sub_epi8(code, _mm256_cmpgt_epi8(magnitude, _mm256_set1_epi8(below[i])));
        const __m256i minus = _mm256_and_si256(_mm256_cmpgt_epi8(zero, bytes), _mm256_cmpgt_epi8(code, zero));
        store_half_line(codes + half, _mm256_or_si256(code, _mm256_and_si256(minus, _mm256_set1_epi8(8))), stream);
    }
}

/* The steps of a number's exponent, and where that exponent begins: all numbers below the smallest normal one share it.
 * To add 2^(exponent + 23 - mantissa) leaves the steps in the low bits, rounded, ties to even. */
RC_INLINE TARGET void mx_codes(const struct format f, float power, const float *x, uint8_t *codes)
{
    const __m256 by = _mm256_set1_ps(power);
    __m256i code[4];
    RC_UNROLL
    for (int i = 0; i < 4; i++) {
        const __m256 ratio = _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), by);
        if (f.exponent == 0) {
            const __m256 steps = _mm256_mul_ps(ratio, _mm256_set1_ps(64.0f)), most = _mm256_set1_ps(127.0f);
            const __m256i clipped = _mm256_cvtps_epi32(
                _mm256_min_ps(_mm256_max_ps(steps, _mm256_sub_ps(_mm256_setzero_ps(), most)), most));
            code[i] = _mm256_and_si256(clipped, _mm256_set1_epi32(255));
            continue;
        }
        const int32_t lowest = (129 - (1 << (f.exponent - 1))) << 23, sign = 1 << (f.exponent + f.mantissa);
        const __m256i bits = _mm256_castps_si256(ratio),
                      magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(INT32_MAX));
        const __m256i e =
            _mm256_max_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7F800000)), _mm256_set1_epi32(lowest));
        const __m256i large = _mm256_add_epi32(e, _mm256_set1_epi32((23 - f.mantissa) << 23));
        const __m256i sum =
            _mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(magnitude), _mm256_castsi256_ps(large)));
        const __m256i first = _mm256_srli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(lowest)), 23 - f.mantissa);
        const __m256i steps = _mm256_add_epi32(_mm256_sub_epi32(sum, large), first);
        const __m256i c = _mm256_min_epi32(steps, _mm256_set1_epi32(sign - 1 - f.specials));
        const __m256i minus =
            _mm256_and_si256(_mm256_srli_epi32(bits, 31 - f.exponent - f.mantissa), _mm256_set1_epi32(sign));
        code[i] = _mm256_or_si256(c, _mm256_and_si256(minus, _mm256_cmpgt_epi32(c, _mm256_setzero_si256())));
    }
    store_bytes(codes, code[0], code[1]);
    store_bytes(codes + 16, code[2], code[3]);
}

RC_INLINE TARGET void level_values(const float *levels, float s, const uint8_t *codes, float *x)
{
    RC_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m256i c = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(codes + 8 * i)));
        const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(levels), c);
        const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(levels + 8), c);
        const __m256 level = _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(c, 28)));
        _mm256_storeu_ps(x + 8 * i, _mm256_mul_ps(level, _mm256_set1_ps(s)));
    }
}

/* The numbers of fp4_e2m1, by their codes. */
static const float E2M1[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                  -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

RC_INLINE TARGET void e2m1_values(float s, const uint8_t *codes, float *x)
{
    level_values(E2M1, s, codes, x);
}

RC_INLINE TARGET void sixteen_maxima(const size_t pieces, const float *x, int32_t *most)
{
    for (size_t i = 0; i < 16; i++) {
        __m256i m = _mm256_setzero_si256();
        for (size_t p = 0; p < 2 * pieces; p++) {
            const __m256i v = _mm256_loadu_si256((const __m256i *)(x + 16 * pieces * i + 8 * p));
            m = _mm256_max_epi32(m, _mm256_and_si256(v, _mm256_set1_epi32(INT32_MAX)));
        }
        __m128i four = _mm_max_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
        four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        most[i] = _mm_cvtsi128_si32(_mm_max_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
    }
}

#include "blocks.h"
#endif
