/* Sixteen numbers at a time, and as many limits in a vector, of which vpermps picks one for each number; the product is
 * rounded down by the conversion itself. */
#include "../memory.h"
#include "number.h"
#if RC_X86

#define TARGET RC_AVX512
#define MX_ENCODE rc_floats_mx_encode_avx512
#define MX_DECODE rc_floats_mx_decode_avx512
#define NF4_ENCODE rc_floats_nf4_encode_avx512
#define NF4_DECODE rc_floats_nf4_decode_avx512
#define MAXIMA rc_floats_maxima_avx512
#define NVFP4_ENCODE rc_floats_nvfp4_encode_avx512
#define NVFP4_DECODE rc_floats_nvfp4_decode_avx512

/* The largest floats that are at most boundary * s; the products are exact. */
RC_INLINE TARGET __m256 round_down(const double *boundaries, float s)
{
    const __m512d exact = _mm512_mul_pd(_mm512_loadu_pd(boundaries), _mm512_set1_pd((double)s));
    return _mm512_cvt_roundpd_ps(exact, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

/* The code with the bit where t is above the limit that follows so many below it. */
RC_INLINE TARGET __m512i with_bit(__m512i code, int bit, __m512 t, __m512 limits)
{
    const __m512i at = bit > 1 ? _mm512_add_epi32(code, _mm512_set1_epi32(bit - 1)) : code;
    const __mmask16 above = _mm512_cmp_ps_mask(t, _mm512_permutexvar_ps(at, limits), _CMP_GT_OQ);
    return _mm512_mask_add_epi32(code, above, code, _mm512_set1_epi32(bit));
}

#define LIMITS __m512

RC_INLINE TARGET LIMITS limits_of(const double *boundaries, float s)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(round_down(boundaries, s)), round_down(boundaries + 8, s), 1);
}

RC_INLINE TARGET void level_codes(LIMITS all, const float *x, uint8_t *codes)
{
    const __m512 t = _mm512_loadu_ps(x);
    __m512i code = _mm512_setzero_si512();
    RC_UNROLL
    for (int bit = 8; bit; bit /= 2)
        code = with_bit(code, bit, t, all);
    _mm_storeu_si128((__m128i *)codes, _mm512_cvtepi32_epi8(code));
}

#define STEPS __m512

RC_INLINE TARGET STEPS steps_of(const double *boundaries, float s)
{
    return _mm512_castps256_ps512(round_down(boundaries, s));
}

RC_INLINE TARGET void step_codes(STEPS all, const float *x, uint8_t *codes)
{
    const __m512 given = _mm512_loadu_ps(x), t = _mm512_abs_ps(given);
    __m512i code = _mm512_setzero_si512();
    RC_UNROLL
    for (int bit = 4; bit; bit /= 2)
        code = with_bit(code, bit, t, all);
    const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(given)) & _mm512_test_epi32_mask(code, code);
    code = _mm512_mask_add_epi32(code, negative, code, _mm512_set1_epi32(8));
    _mm_storeu_si128((__m128i *)codes, _mm512_cvtepi32_epi8(code));
}

#define FAST

/* The lowest bytes of the lanes of four vectors. */
RC_INLINE TARGET __m512i lowest_bytes(const __m512i *v)
{
    const __m512i every = _mm512_set_epi32( /* bytes 0, 4, 8 .. 124 of two vectors */
        0, 0, 0, 0, 0, 0, 0, 0, 0x7C787470, 0x6C686460, 0x5C585450, 0x4C484440, 0x3C383430, 0x2C282420, 0x1C181410,
        0x0C080400);
    const __m512i low = _mm512_permutex2var_epi8(v[0], every, v[1]), high = _mm512_permutex2var_epi8(v[2], every, v[3]);
    return _mm512_inserti64x4(low, _mm512_castsi512_si256(high), 1);
}

/* Of x over the largest magnitude, times NEARBY and rounded, the boundary that is the nearest to that integer over
 * NEARBY: between the integer's ends, and a little beyond, for x was not divided exactly, there is at most that one. So
 * one comparison tells the code. NEARBY times the least distance of two boundaries must be above 1 by more than that
 * little, which is 2^-19 at most: of the product of 4 bits and the rounded factor, 2^-23 each. */
static const float NEARBY = 15.4f; /* rounded at most 15 */
#define NEAR struct near
struct near {
    __m512i first, second; /* the nearest boundary, for the integers 0 .. 15 and -16 .. -1 */
    __m512i bytes;         /* the same, for the lowest 6 bits of an integer */
    int serves;
};

RC_INLINE TARGET NEAR near_of(const double *boundaries)
{
    int32_t nearest[32];
    uint8_t bytes[64] = {0};
    double least = 2;
    for (int j = 0; j + 2 < 16; j++)
        least = boundaries[j + 1] - boundaries[j] < least ? boundaries[j + 1] - boundaries[j] : least;
    for (int n = -16; n < 16; n++) {
        int best = 0;
        for (int j = 1; j < 15; j++)
            if (fabs(boundaries[j] - n / (double)NEARBY) < fabs(boundaries[best] - n / (double)NEARBY))
                best = j;
        nearest[n & 31] = best;
        bytes[n & 63] = (uint8_t)best;
    }
    return (NEAR){_mm512_loadu_si512(nearest), _mm512_loadu_si512(nearest + 16), _mm512_loadu_si512(bytes),
                  least * (double)NEARBY > 1.0 + 0x1p-10};
}

RC_INLINE TARGET size_t fast_codes(NEAR near, LIMITS all, float s, size_t count, const float *x, uint8_t *codes,
                                   int stream)
{
    if (!near.serves || !(s >= 0x1p-100f)) /* the factor would overflow */
        return 0;
    const __m512 factor = _mm512_set1_ps(NEARBY / s), integers = _mm512_set1_ps(0x1.8p23f);
    const __m512 first = _mm512_permutexvar_ps(near.first, all), second = _mm512_permutexvar_ps(near.second, all);
    size_t p = 0;
    for (; p + 64 <= count; p += 64) {
        __m512i n[4];
        __mmask16 above[4];
        RC_UNROLL
        for (int i = 0; i < 4; i++) {
            const __m512 t = _mm512_loadu_ps(x + p + 16 * i);
            n[i] = _mm512_castps_si512(_mm512_fmadd_ps(t, factor, integers)); /* the integer in the lowest bits */
            above[i] = _mm512_cmp_ps_mask(t, _mm512_permutex2var_ps(first, n[i], second), _CMP_GT_OQ);
        }
        const __mmask64 more =
            _mm512_kunpackd(_mm512_kunpackw(above[3], above[2]), _mm512_kunpackw(above[1], above[0]));
        const __m512i code = _mm512_permutexvar_epi8(lowest_bytes(n), near.bytes);
        store_line(codes + p, _mm512_mask_add_epi8(code, more, code, _mm512_set1_epi8(1)), stream);
    }
    return p;
}

/* Four times a ratio, rounded down and rounded up: their sum is even where both are the same, and tells the ratio's
 * code, for all numbers at which the code changes are quarters. */
#define RATIOS struct ratios
struct ratios {
    __m512i low, high; /* codes, for the lowest 7 bits of the sum */
};

RC_INLINE TARGET RATIOS ratios(void)
{
    uint8_t codes[128];
    for (int sum = -64; sum < 64; sum++) {
        const int32_t code = code_of(fabsf((float)sum / 8), FP4_E2M1, 7);
        codes[sum & 127] = (uint8_t)(code | (sum < 0 && code ? 8 : 0));
    }
    return (RATIOS){_mm512_loadu_si512(codes), _mm512_loadu_si512(codes + 64)};
}

RC_INLINE TARGET void ratio_codes(RATIOS all, const float *steps, const float *x, uint8_t *codes, int stream)
{
    const __m512 four = _mm512_set1_ps(4.0f), integers = _mm512_set1_ps(0x1.8p23f);
    const __m512 most = _mm512_set1_ps(7.75f), least = _mm512_set1_ps(-7.75f); /* 6 is the largest number */
    __m512i sum[4];
    prefetch(x, 64 * sizeof *x);
    RC_UNROLL
    for (int i = 0; i < 4; i++) {
        const __m512 ratio = _mm512_min_ps(
            _mm512_max_ps(_mm512_div_ps(_mm512_loadu_ps(x + 16 * i), _mm512_set1_ps(steps[i])), least), most);
        const __m512 down = _mm512_fmadd_round_ps(ratio, four, integers, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        const __m512 up = _mm512_fmadd_round_ps(ratio, four, integers, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
        sum[i] = _mm512_add_epi32(_mm512_castps_si512(down), _mm512_castps_si512(up));
    }
    store_line(codes, _mm512_permutex2var_epi8(all.low, lowest_bytes(sum), all.high), stream);
}

/* As with AVX2 (there is why). */
RC_INLINE TARGET void mx_codes(const struct format f, float power, const float *x, uint8_t *codes)
{
    const __m512 by = _mm512_set1_ps(power);
    RC_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m512 ratio = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * i), by);
        __m512i code;
        if (f.exponent == 0) {
            const __m512 steps = _mm512_mul_ps(ratio, _mm512_set1_ps(64.0f));
            code = _mm512_cvtps_epi32(
                _mm512_min_ps(_mm512_max_ps(steps, _mm512_set1_ps(-127.0f)), _mm512_set1_ps(127.0f)));
        } else {
            const int32_t lowest = (129 - (1 << (f.exponent - 1))) << 23, sign = 1 << (f.exponent + f.mantissa);
            const __m512i bits = _mm512_castps_si512(ratio);
            const __m512i e = _mm512_max_epi32(_mm512_and_si512(bits, _mm512_set1_epi32(0x7F800000)),
                                               _mm512_set1_epi32(lowest));
            const __m512i large = _mm512_add_epi32(e, _mm512_set1_epi32((23 - f.mantissa) << 23));
            const __m512i sum = _mm512_castps_si512(_mm512_add_ps(_mm512_abs_ps(ratio), _mm512_castsi512_ps(large)));
            const __m512i first = _mm512_srli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(lowest)),
                                                    (unsigned)(23 - f.mantissa));
            code = _mm512_min_epi32(_mm512_add_epi32(_mm512_sub_epi32(sum, large), first),
                                    _mm512_set1_epi32(sign - 1 - f.specials));
            const __mmask16 minus = _mm512_mask_test_epi32_mask(_mm512_movepi32_mask(bits), code, code);
            code = _mm512_mask_or_epi32(code, minus, code, _mm512_set1_epi32(sign));
        }
        _mm_storeu_si128((__m128i *)(codes + 16 * i), _mm512_cvtepi32_epi8(code));
    }
}

RC_INLINE TARGET void level_values(const float *levels, float s, const uint8_t *codes, float *x)
{
    const __m512i c = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)codes));
    const __m512 level = _mm512_permutexvar_ps(c, _mm512_loadu_ps(levels));
    _mm512_storeu_ps(x, _mm512_mul_ps(level, _mm512_set1_ps(s)));
}

/* The numbers of fp4_e2m1, by their codes. */
static const float E2M1[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                  -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

RC_INLINE TARGET void e2m1_values(float s, const uint8_t *codes, float *x)
{
    level_values(E2M1, s, codes, x);
}

RC_INLINE TARGET __m512i either(__m512i a, __m512i b)
{
    return _mm512_max_epi32(a, b);
}

/* Sixteen vectors become one in four steps, each of which halves their number: pairs of lanes, of pairs, of
 * quarters. */
RC_INLINE TARGET void sixteen_maxima(const size_t pieces, const float *x, int32_t *most)
{
    __m512i v[16];
    RC_UNROLL
    for (size_t i = 0; i < 16; i++) {
        v[i] = _mm512_and_si512(_mm512_loadu_si512(x + 16 * pieces * i), _mm512_set1_epi32(INT32_MAX));
        RC_UNROLL
        for (size_t p = 1; p < pieces; p++)
            v[i] = either(v[i], _mm512_and_si512(_mm512_loadu_si512(x + 16 * pieces * i + 16 * p),
                                                 _mm512_set1_epi32(INT32_MAX)));
    }
    RC_UNROLL
    for (int i = 0; i < 8; i++)
        v[i] = either(_mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]), _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]));
    RC_UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = either(_mm512_unpacklo_epi64(v[2 * i], v[2 * i + 1]), _mm512_unpackhi_epi64(v[2 * i], v[2 * i + 1]));
    RC_UNROLL
    for (int i = 0; i < 2; i++)
        v[i] = either(_mm512_shuffle_i32x4(v[2 * i], v[2 * i + 1], 0x88),
                      _mm512_shuffle_i32x4(v[2 * i], v[2 * i + 1], 0xDD));
    _mm512_storeu_si512(most, either(_mm512_shuffle_i32x4(v[0], v[1], 0x88), _mm512_shuffle_i32x4(v[0], v[1], 0xDD)));
}

#include "blocks.h"
#endif
