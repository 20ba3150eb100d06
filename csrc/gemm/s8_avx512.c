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

/* Eight sums, scaled in double and rounded to integers, ties to even: in the lower halves. */
RC_INLINE TARGET __m512i eight(const int32_t *sums, const double *scale)
{
    return _mm512_castpd_si512(_mm512_fmadd_pd(_mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)sums)),
                                               _mm512_load_pd(scale), _mm512_set1_pd(RC_UNITS)));
}

RC_INLINE TARGET __m512i sixteen(const int32_t *sums, const double *scale)
{
    const __m512i lower = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_epi32(eight(sums, scale), lower, eight(sums + 8, scale + 8));
}

/* Four vectors of integers to int8, in their order, with the zero point: packing saturates, as clipping would, and
 * mixes the fours. */
RC_INLINE TARGET __m512i packed_to_s8(const __m512i *v, int32_t zero_point, int32_t lowest, int32_t highest)
{
    const __m512i zero = _mm512_set1_epi16((int16_t)zero_point);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(v[0], v[1]), zero);
    const __m512i b = _mm512_adds_epi16(_mm512_packs_epi32(v[2], v[3]), zero);
    const __m512i all = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(a, b));
    return _mm512_min_epi8(_mm512_max_epi8(all, _mm512_set1_epi8((int8_t)lowest)), _mm512_set1_epi8((int8_t)highest));
}

/* Four vectors are a row, or two rows of up to 32 outputs, or four of up to 16. */
RC_INLINE TARGET void to_s8(const int32_t *sums, size_t rows, const double *scale, int32_t zero_point, int32_t lowest,
                            int32_t highest, size_t width, int8_t *y, size_t ldy)
{
    const __mmask64 some = ((__mmask64)1 << width) - 1;
    __m512i v[4];
    for (size_t i = 0; width > 32 && i < rows; i++) {
        RC_UNROLL for (size_t c = 0; c < 3; c++)
            v[c] = sixteen(sums + i * NR + c * 16, scale + c * 16);
        v[3] = v[2];
        _mm512_mask_storeu_epi8(y + i * ldy, some, packed_to_s8(v, zero_point, lowest, highest));
    }
    for (size_t i = 0; width > 16 && width <= 32 && i < rows; i += 2) {
        RC_UNROLL for (size_t c = 0; c < 4; c++)
            v[c] = sixteen(sums + rc_min(i + c / 2, rows - 1) * NR + c % 2 * 16, scale + c % 2 * 16);
        const __m512i all = packed_to_s8(v, zero_point, lowest, highest);
        _mm256_mask_storeu_epi8(y + i * ldy, (__mmask32)some, _mm512_castsi512_si256(all));
        if (i + 1 < rows)
            _mm256_mask_storeu_epi8(y + (i + 1) * ldy, (__mmask32)some, _mm512_extracti64x4_epi64(all, 1));
    }
    for (size_t i = 0; width <= 16 && i < rows; i += 4) {
        RC_UNROLL for (size_t c = 0; c < 4; c++)
            v[c] = sixteen(sums + rc_min(i + c, rows - 1) * NR, scale);
        const __m512i all = packed_to_s8(v, zero_point, lowest, highest);
        const __m128i four[4] = {_mm512_castsi512_si128(all), _mm512_extracti32x4_epi32(all, 1),
                                 _mm512_extracti32x4_epi32(all, 2), _mm512_extracti32x4_epi32(all, 3)};
        RC_UNROLL for (size_t c = 0; c < 4; c++)
            if (i + c < rows) {
                if (width == 16)
                    _mm_storeu_si128((__m128i *)(y + (i + c) * ldy), four[c]);
                else
                    _mm_mask_storeu_epi8(y + (i + c) * ldy, (__mmask16)some, four[c]);
            }
    }
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
                                  uint8_t flip, uint8_t *packed)
{
    const size_t groups = (k + group - 1) / group, quads = (group + 3) / 4;
    for (size_t b = begin; b < end; b++) {
        const size_t rows = rc_min(16, n - b * 16);
        for (size_t g = 0; g < groups; g++) {
            const size_t count = rc_min(group, k - g * group);
            const int8_t *from = w + b * 16 * k + g * group;
            uint8_t *to = packed + (b * groups + g) * quads * 64;
            fill_raw(flip, from, k, rows, count / 64 * 64, to);
            if (count % 64) { /* sixteen quads at a time do not fit any more */
                uint8_t rest[1024] __attribute__((aligned(64)));
                const size_t whole = count / 64 * 64;
                fill_raw(flip, from + whole, k, rows, count - whole, rest);
                memcpy(to + whole * 16, rest, (count - whole + 3) / 4 * 64);
            }
        }
    }
    return RC_OK;
}
#endif
