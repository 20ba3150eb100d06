/* What changed since AVX2: eight sums are one vector of doubles, and sixteen elements are rounded at a time. */
#include "places.h"
#if RC_X86
#include <math.h>
#include <string.h>

#define TARGET RC_AVX512

/* The steps of places.h; of a value within its limits the integer, as a float, is what its zero point lies below it. */
RC_INLINE TARGET void eights(const float *x, size_t count, float s, int32_t z, int32_t lowest, int32_t highest,
                             double *sum)
{
    const __m512 scale = _mm512_set1_ps(s), low = _mm512_set1_ps((float)(lowest - z)),
                 high = _mm512_set1_ps((float)(highest - z)), most = _mm512_set1_ps(FLT_MAX),
                 least = _mm512_set1_ps(-FLT_MAX);
    __m512d own = _mm512_loadu_pd(sum);
    for (size_t p = 0; p < count; p += 16) {
        const __mmask16 some = count - p < 16 ? 0xFF : 0xFFFF;
        const __m512 t = _mm512_maskz_loadu_ps(some, x + p);
        __m512 q = _mm512_min_ps(_mm512_max_ps(_mm512_div_ps(t, scale), low), high);
        q = _mm512_roundscale_ps(q, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __m512 near = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(q, scale), least), most);
        const __m512d first = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(near)),
                                            _mm512_cvtps_pd(_mm512_castps512_ps256(t)));
        own = _mm512_add_pd(own, _mm512_mul_pd(first, first));
        if (some == 0xFFFF) {
            const __m512d second = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(near, 1)),
                                                 _mm512_cvtps_pd(_mm512_extractf32x8_ps(t, 1)));
            own = _mm512_add_pd(own, _mm512_mul_pd(second, second));
        }
    }
    _mm512_storeu_pd(sum, own);
}

/* Two products by numbers that lie to both sides of bins / largest enclose what the division gives, which has two
 * roundings, as they have, of 2^-53 each: where they have the same floor it has it too. */
RC_INLINE TARGET void bins_of(const float *x, double largest, double bins, int32_t *places)
{
    const __m512d low = _mm512_set1_pd(bins / largest * (1 - 0x1p-49)),
                  high = _mm512_set1_pd(bins / largest * (1 + 0x1p-49));
    RC_UNROLL
    for (int p = 0; p < 16; p += 8) {
        const __m512d own = _mm512_abs_pd(_mm512_cvtps_pd(_mm256_loadu_ps(x + p)));
        __m256i place = _mm512_cvttpd_epi32(_mm512_mul_pd(own, low));
        if (_mm256_cmpneq_epi32_mask(place, _mm512_cvttpd_epi32(_mm512_mul_pd(own, high))))
            place =
                _mm512_cvttpd_epi32(_mm512_mul_pd(_mm512_div_pd(own, _mm512_set1_pd(largest)), _mm512_set1_pd(bins)));
        _mm256_storeu_si256((__m256i *)(places + p), _mm256_min_epi32(place, _mm256_set1_epi32((int32_t)bins - 1)));
    }
}

#define MSE rc_quantize_range_mse_avx512
#define ERRORS rc_quantize_errors_avx512
#define KL rc_quantize_range_kl_avx512
#include "ranges.h"
#endif
