/* The integer products with AVX-512: the tiles are those of s8_tile_avx512.h, and what is here follows the sums. */
#include "s8_tiles.h"
#if RC_X86
#include "s8_tile_avx512.h"

#define S8S8 rc_gemm_s8s8_avx512
#define U8S8 rc_gemm_u8s8_avx512
#define S8S8_PACKED rc_gemm_s8s8_packed_avx512
#define U8S8_PACKED rc_gemm_u8s8_packed_avx512
#define REQUANTIZED rc_gemm_s8s8_requantized_avx512
#define SCALED rc_gemm_s8s8_scaled_avx512
#define FEW_S8S8 rc_few_avx512_s8s8
#define FEW_U8S8 rc_few_avx512_u8s8

RC_INLINE TARGET void finish(int32_t *sums, const int32_t *start, uint32_t less, size_t nv)
{
    const __m512i taken = _mm512_set1_epi32((int32_t)less);
    for (size_t v = 0; v < nv * 16; v += 16) {
        const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + v), _mm512_load_si512(start + v));
        _mm512_store_si512(sums + v, _mm512_sub_epi32(sum, taken));
    }
}

RC_INLINE TARGET void to_s32(const int32_t *sums, size_t width, int32_t *y)
{
    for (size_t o = 0; o < width; o += 16) {
        const __mmask16 some = width - o >= 16 ? 0xFFFF : (__mmask16)((1u << (width - o)) - 1);
        _mm512_mask_storeu_epi32(y + o, some, _mm512_load_si512(sums + o));
    }
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

TARGET int rc_gemm_s8_pack_avx512(size_t begin, size_t end, size_t n, size_t k, size_t group, const int8_t *w,
                                  uint8_t *packed, int32_t *sums)
{
    const size_t groups = (k + group - 1) / group, quads = (group + 3) / 4;
    for (size_t b = begin; b < end; b++) {
        const size_t rows = rc_min(16, n - b * 16);
        for (size_t g = 0; g < groups; g++) {
            const size_t count = rc_min(group, k - g * group);
            const int8_t *from = w + b * 16 * k + g * group;
            uint8_t *to = packed + (b * groups + g) * quads * 64;
            fill_raw(128, from, k, rows, count / 64 * 64, to);
            if (count % 64) { /* sixteen quads at a time do not fit any more */
                uint8_t rest[1024] __attribute__((aligned(64)));
                const size_t whole = count / 64 * 64;
                fill_raw(128, from + whole, k, rows, count - whole, rest);
                memcpy(to + whole * 16, rest, (count - whole + 3) / 4 * 64);
            }
            for (size_t r = 0; r < rows; r++)
                sums[(b * 16 + r) * groups + g] = (int32_t)sum_of(0, (const uint8_t *)from + r * k, count);
        }
    }
    return RC_OK;
}
#endif
