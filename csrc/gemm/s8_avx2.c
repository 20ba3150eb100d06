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

RC_INLINE TARGET void finish(int32_t *sums, const int32_t *start, uint32_t less, size_t nv)
{
    const __m256i taken = _mm256_set1_epi32((int32_t)less);
    for (size_t o = 0; o < nv * 16; o += 8) {
        __m256i *at = (__m256i *)(sums + o);
        const __m256i sum = _mm256_add_epi32(_mm256_load_si256(at), _mm256_load_si256((const __m256i *)(start + o)));
        _mm256_store_si256(at, _mm256_sub_epi32(sum, taken));
    }
}

RC_INLINE TARGET void to_s32(const int32_t *sums, size_t width, int32_t *y)
{
    memcpy(y, sums, width * sizeof *y);
}

RC_INLINE TARGET void to_s8(const int32_t *sums, const double *scale, int32_t zero_point, int32_t lowest,
                            int32_t highest, size_t width, int8_t *y)
{
    const __m128i zero = _mm_set1_epi32(zero_point), low = _mm_set1_epi32(lowest), high = _mm_set1_epi32(highest);
    const __m128i bytes = _mm_set1_epi32(0x0C080400);
    for (size_t o = 0; o < width; o += 4) {
        const __m128i sum = _mm_load_si128((const __m128i *)(sums + o));
        __m128i q = _mm256_cvtpd_epi32(_mm256_mul_pd(_mm256_cvtepi32_pd(sum), _mm256_load_pd(scale + o)));
        /* Sums are far from the ends of an int32 only after the scale, below 1: clip the quotient to int16 first. */
        q = _mm_min_epi32(_mm_max_epi32(q, _mm_set1_epi32(-32768)), _mm_set1_epi32(32767));
        q = _mm_min_epi32(_mm_max_epi32(_mm_add_epi32(q, zero), low), high);
        const int32_t four = _mm_cvtsi128_si32(_mm_shuffle_epi8(q, bytes));
        memcpy(y + o, &four, rc_min(width - o, 4));
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
