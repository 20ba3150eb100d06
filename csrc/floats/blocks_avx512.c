/* Sixteen numbers at a time, and as many limits in a vector, of which vpermps picks one for each number; the product is
 * rounded down by the conversion itself. */
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

/* Sixteen vectors become one in four steps, each of which halves their number: pairs of lanes, of pairs, of quarters. */
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
