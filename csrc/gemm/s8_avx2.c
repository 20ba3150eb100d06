/* The integer products with AVX2: the tiles are those of s8_tile_avx2.h, and what is here follows the sums. */
#include "s8_tiles.h"
#if RC_X86
#include "s8_tile_avx2.h"

#define S8S8 rc_gemm_s8s8_avx2
#define U8S8 rc_gemm_u8s8_avx2
#define S8S8_PACKED rc_gemm_s8s8_packed_avx2
#define U8S8_PACKED rc_gemm_u8s8_packed_avx2
#define REQUANTIZED rc_gemm_s8s8_requantized_avx2
#define SCALED rc_gemm_s8s8_scaled_avx2
#define FEW_S8S8 rc_few_avx2_s8s8
#define FEW_U8S8 rc_few_avx2_u8s8

/* Eight sums, scaled in double and rounded to integers, ties to even: 0 1 4 5 | 2 3 6 7. */
RC_INLINE TARGET __m256i eight(const int32_t *sums, const double *scale)
{
    const __m256d units = _mm256_set1_pd(RC_UNITS);
    const __m256d a = _mm256_fmadd_pd(_mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)sums)),
                                      _mm256_load_pd(scale), units);
    const __m256d b = _mm256_fmadd_pd(_mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)(sums + 4))),
                                      _mm256_load_pd(scale + 4), units);
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castpd_ps(a), _mm256_castpd_ps(b), 0x88));
}

/* Packing saturates, as clipping would. */
RC_INLINE TARGET __m128i packed_to_s8(const int32_t *sums, const double *scale, int32_t zero_point, int32_t lowest,
                                      int32_t highest)
{
    const __m256i q = _mm256_packs_epi32(eight(sums, scale), eight(sums + 8, scale + 8));
    const __m256i two = _mm256_packs_epi16(_mm256_adds_epi16(q, _mm256_set1_epi16((int16_t)zero_point)), q);
    /* 0 1 4 5 8 9 12 13 .. | 2 3 6 7 10 11 14 15 .. */
    const __m128i all = _mm_unpacklo_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
    return _mm_min_epi8(_mm_max_epi8(all, _mm_set1_epi8((int8_t)lowest)), _mm_set1_epi8((int8_t)highest));
}

RC_INLINE TARGET void to_s8(const int32_t *sums, size_t rows, const double *scale, int32_t zero_point, int32_t lowest,
                            int32_t highest, size_t width, int8_t *y, size_t ldy)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t o = 0; o < width; o += 16) {
            const __m128i all = packed_to_s8(sums + i * NR + o, scale + o, zero_point, lowest, highest);
            if (width - o >= 16) {
                _mm_storeu_si128((__m128i *)(y + i * ldy + o), all);
            } else {
                int8_t some[16];
                _mm_storeu_si128((__m128i *)some, all);
                memcpy(y + i * ldy + o, some, width - o);
            }
        }
}

RC_INLINE TARGET void scaled(const int32_t *sums, float x_scale, const float *w_scale, size_t nv, double *totals)
{
    const __m256d of_row = _mm256_set1_pd((double)x_scale);
    for (size_t o = 0; o < nv * 16; o += 4) {
        const __m256d scale = _mm256_mul_pd(of_row, _mm256_cvtps_pd(_mm_load_ps(w_scale + o)));
        const __m256d sum = _mm256_cvtepi32_pd(_mm_load_si128((const __m128i *)(sums + o)));
        _mm256_store_pd(totals + o, _mm256_add_pd(_mm256_load_pd(totals + o), _mm256_mul_pd(sum, scale)));
    }
}

RC_INLINE TARGET void to_floats(const double *totals, const float *bias, size_t width, float *y)
{
    size_t o = 0;
    for (; o + 4 <= width; o += 4) {
        __m256d total = _mm256_load_pd(totals + o);
        if (bias)
            total = _mm256_add_pd(total, _mm256_cvtps_pd(_mm_loadu_ps(bias + o)));
        _mm_storeu_ps(y + o, _mm256_cvtpd_ps(total));
    }
    for (; o < width; o++)
        y[o] = (float)(bias ? totals[o] + (double)bias[o] : totals[o]);
}

RC_INLINE TARGET void scaled_to_floats(const int32_t *sums, float x_scale, const double *w_scale, const double *bias,
                                       size_t width, float *y)
{
    const __m256d of_row = _mm256_set1_pd((double)x_scale);
    for (size_t o = 0; o < width; o += 4) {
        const __m256d sum = _mm256_cvtepi32_pd(_mm_load_si128((const __m128i *)(sums + o)));
        const __m256d product = _mm256_mul_pd(sum, _mm256_mul_pd(of_row, _mm256_load_pd(w_scale + o)));
        const __m128 four = _mm256_cvtpd_ps(_mm256_add_pd(product, _mm256_load_pd(bias + o)));
        if (width - o >= 4) {
            _mm_storeu_ps(y + o, four);
        } else {
            float some[4];
            _mm_storeu_ps(some, four);
            memcpy(y + o, some, (width - o) * sizeof *y);
        }
    }
}

#include "s8_rows.h"
#endif
