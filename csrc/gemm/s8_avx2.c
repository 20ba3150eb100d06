/* What changed since the portable file: x is laid ready as int16 and the weights are widened as they are read, so that
 * vpmaddwd's sum of two products is exact; four inputs of an output leave two sums side by side, which are added in the
 * end. Sixteen outputs of two rows take eight registers. */
#include "../requantize.h"
#if RC_X86
#include <string.h>

#define KERNEL_REQUANTIZED rc_gemm_s8s8_requantized_avx2
#define KERNEL_SCALED rc_gemm_s8s8_scaled_avx2
#define PORTABLE_SCALED rc_gemm_s8s8_scaled_portable
#define TARGET RC_AVX2
#define INPUT int16_t
#define XBYTES (48 << 10)
#define MR 2
#define BIAS 0u

RC_INLINE TARGET void lay(const int8_t *x, size_t count, int16_t *out)
{
    size_t p = 0;
    for (; p + 16 <= count; p += 16)
        _mm256_store_si256((__m256i *)(out + p), _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(x + p))));
    for (; p < count; p++)
        out[p] = x[p];
    for (; p % 4; p++) /* the last four meet weights of 0 */
        out[p] = 0;
}

RC_INLINE TARGET void tile(const int fresh, const size_t mr, const size_t nv, const int16_t *x, size_t ldx,
                           size_t quads, const int8_t *w, size_t ldw, const int32_t *start, int32_t *sums)
{
    for (size_t v = 0; v < nv; v++, w += ldw, start += 16, sums += 16) {
        __m256i acc[MR][4];
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t b = 0; b < 4; b++)
                acc[i][b] = _mm256_setzero_si256();
        for (size_t q = 0; q < quads; q++) {
            __m256i input[MR];
            RC_UNROLL for (size_t i = 0; i < mr; i++) {
                int64_t four;
                memcpy(&four, x + i * ldx + q * 4, sizeof four);
                input[i] = _mm256_set1_epi64x(four);
            }
            RC_UNROLL for (size_t b = 0; b < 4; b++) {
                const __m256i weight = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(w + q * 64 + b * 16)));
                RC_UNROLL for (size_t i = 0; i < mr; i++)
                    acc[i][b] = _mm256_add_epi32(acc[i][b], _mm256_madd_epi16(input[i], weight));
            }
        }
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t b = 0; b < 4; b += 2) {
                /* vphaddd leaves the outputs 0 1 4 5 | 2 3 6 7 */
                const __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[i][b], acc[i][b + 1]), 0xD8);
                int32_t *to = sums + i * 64 + b * 4;
                const __m256i before = _mm256_load_si256((const __m256i *)(fresh ? start + b * 4 : to));
                _mm256_store_si256((__m256i *)to, _mm256_add_epi32(sum, before));
            }
    }
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
