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

#define MSE rc_quantize_range_mse_avx512
#define ERRORS rc_quantize_errors_avx512
#define KL rc_quantize_range_kl_avx512
#include "ranges.h"
#endif
