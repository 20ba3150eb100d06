/* What changed since AVX2: vpdpbusd adds four products of bytes to each of sixteen outputs in one instruction. It wants
 * one side unsigned: x is laid ready as x + 128, and 128 times the sum of an output's weights is taken off with the bias.
 * 32 registers hold the sums of 6 rows and 64 outputs, and their operands. */
#include "../requantize.h"
#if RC_X86
#include <string.h>

#define KERNEL_REQUANTIZED rc_gemm_s8s8_requantized_avx512
#define KERNEL_SCALED rc_gemm_s8s8_scaled_avx512
#define PORTABLE_SCALED rc_gemm_s8s8_scaled_portable
#define TARGET RC_AVX512
#define INPUT uint8_t
#define XBYTES (48 << 10)
#define MR 6
#define BIAS 128u

RC_INLINE TARGET void lay(const int8_t *x, size_t count, uint8_t *out)
{
    const __m512i flip = _mm512_set1_epi8(-128); /* x + 128: its top bit flips */
    size_t p = 0;
    for (; p + 64 <= count; p += 64)
        _mm512_store_si512(out + p, _mm512_xor_si512(_mm512_loadu_si512(x + p), flip));
    if (p < count) {
        const __mmask64 some = ((__mmask64)1 << (count - p)) - 1;
        _mm512_store_si512(out + p, _mm512_xor_si512(_mm512_maskz_loadu_epi8(some, x + p), flip));
    }
}

RC_INLINE TARGET void tile(const int fresh, const size_t mr, const size_t nv, const uint8_t *x, size_t ldx,
                           size_t quads, const int8_t *w, size_t ldw, const int32_t *start, int32_t *sums)
{
    __m512i acc[MR][4];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            acc[i][v] = _mm512_load_si512(fresh ? start + v * 16 : sums + i * 64 + v * 16);
    for (size_t q = 0; q < quads; q++) {
        __m512i input[MR];
        RC_UNROLL for (size_t i = 0; i < mr; i++) {
            int32_t four;
            memcpy(&four, x + i * ldx + q * 4, sizeof four);
            input[i] = _mm512_set1_epi32(four);
        }
        RC_UNROLL for (size_t v = 0; v < nv; v++) {
            const __m512i weight = _mm512_loadu_si512(w + v * ldw + q * 64);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                acc[i][v] = _mm512_dpbusd_epi32(acc[i][v], input[i], weight);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t v = 0; v < nv; v++)
            _mm512_store_si512(sums + i * 64 + v * 16, acc[i][v]);
}

RC_INLINE TARGET __m256i eight(const int32_t *sums, const double *scale)
{
    return _mm512_cvtpd_epi32(_mm512_mul_pd(_mm512_cvtepi32_pd(_mm256_load_si256((const __m256i *)sums)),
                                            _mm512_load_pd(scale)));
}

/* Sixteen sums, scaled in double, rounded to integers, ties to even, and packed to int16: 0 - 3, 8 - 11 | 4 - 7, .. */
RC_INLINE TARGET __m256i rounded(const int32_t *sums, const double *scale)
{
    return _mm256_packs_epi32(eight(sums, scale), eight(sums + 8, scale + 8));
}

/* Up to 32 of them, with the zero point: packing saturates, as clipping would. */
RC_INLINE TARGET __m512i half_of_row(const int32_t *sums, const double *scale, size_t width, __m512i zero)
{
    const __m512i first = _mm512_castsi256_si512(rounded(sums, scale));
    return _mm512_adds_epi16(width > 16 ? _mm512_inserti64x4(first, rounded(sums + 16, scale + 16), 1) : first, zero);
}

/* Packing has mixed the fours: `order` brings them back. */
RC_INLINE TARGET void to_s8(const int32_t *sums, const double *scale, int32_t zero_point, int32_t lowest,
                            int32_t highest, size_t width, int8_t *y)
{
    const __m512i zero = _mm512_set1_epi16((int16_t)zero_point);
    const __m512i order = _mm512_setr_epi32(0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15);
    const __m512i a = half_of_row(sums, scale, width, zero);
    const __m512i b = width > 32 ? half_of_row(sums + 32, scale + 32, width - 32, zero) : a;
    __m512i all = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(a, b));
    all = _mm512_min_epi8(_mm512_max_epi8(all, _mm512_set1_epi8((int8_t)lowest)), _mm512_set1_epi8((int8_t)highest));
    _mm512_mask_storeu_epi8(y, width == 64 ? ~(__mmask64)0 : ((__mmask64)1 << width) - 1, all);
}

RC_INLINE TARGET __m512d add_scaled(__m256i sum, __m512d x_scale, __m256 w_scale, __m512d total)
{
    const __m512d scale = _mm512_mul_pd(x_scale, _mm512_cvtps_pd(w_scale));
    return _mm512_add_pd(total, _mm512_mul_pd(_mm512_cvtepi32_pd(sum), scale));
}

RC_INLINE TARGET void scaled(const int32_t *sums, float x_scale, const float *w_scale, size_t nv, double *totals)
{
    const __m512d of_row = _mm512_set1_pd((double)x_scale);
    for (size_t o = 0; o < nv * 16; o += 8)
        _mm512_store_pd(totals + o, add_scaled(_mm256_load_si256((const __m256i *)(sums + o)), of_row,
                                               _mm256_load_ps(w_scale + o), _mm512_load_pd(totals + o)));
}

RC_INLINE TARGET __m256 eight_floats(const double *totals, const float *bias, __mmask8 some)
{
    __m512d total = _mm512_load_pd(totals);
    if (bias)
        total = _mm512_add_pd(total, _mm512_cvtps_pd(_mm256_maskz_loadu_ps(some, bias)));
    return _mm512_cvtpd_ps(total);
}

RC_INLINE TARGET void to_floats(const double *totals, const float *bias, size_t width, float *y)
{
    for (size_t o = 0; o < width; o += 8) {
        const __mmask8 some = width - o < 8 ? (__mmask8)((1u << (width - o)) - 1) : 0xFF;
        _mm256_mask_storeu_ps(y + o, some, eight_floats(totals + o, bias ? bias + o : NULL, some));
    }
}

RC_INLINE TARGET void scaled_to_floats(const int32_t *sums, float x_scale, const double *w_scale, const double *bias,
                                       size_t width, float *y)
{
    const __m512d of_row = _mm512_set1_pd((double)x_scale);
    for (size_t o = 0; o < width; o += 8) {
        const __mmask8 some = width - o < 8 ? (__mmask8)((1u << (width - o)) - 1) : 0xFF;
        const __m512d sum = _mm512_cvtepi32_pd(_mm256_load_si256((const __m256i *)(sums + o)));
        const __m512d product = _mm512_mul_pd(sum, _mm512_mul_pd(of_row, _mm512_load_pd(w_scale + o)));
        _mm256_mask_storeu_ps(y + o, some, _mm512_cvtpd_ps(_mm512_add_pd(product, _mm512_load_pd(bias + o))));
    }
}

#include "s8_rows.h"
#endif
