/* What changed since the portable file: eight sums are two vectors of doubles, and eight elements are rounded at a
 * time. */
#include "places.h"
#if RC_X86
#include <math.h>
#include <string.h>

#define TARGET RC_AVX2

/* The steps of places.h; of a value within its limits the integer, as a float, is what its zero point lies below it. */
RC_INLINE TARGET void eights(const float *x, size_t count, float s, int32_t z, int32_t lowest, int32_t highest,
                             double *sum)
{
    const __m256 scale = _mm256_set1_ps(s), low = _mm256_set1_ps((float)(lowest - z)),
                 high = _mm256_set1_ps((float)(highest - z)), most = _mm256_set1_ps(FLT_MAX),
                 least = _mm256_set1_ps(-FLT_MAX);
    __m256d first = _mm256_loadu_pd(sum), second = _mm256_loadu_pd(sum + 4);
    for (size_t p = 0; p < count; p += 8) {
        const __m256 t = _mm256_loadu_ps(x + p);
        __m256 q = _mm256_min_ps(_mm256_max_ps(_mm256_div_ps(t, scale), low), high);
        q = _mm256_round_ps(q, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __m256 near = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(q, scale), least), most);
        const __m256d a = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(near)),
                                        _mm256_cvtps_pd(_mm256_castps256_ps128(t))),
                      b = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(near, 1)),
                                        _mm256_cvtps_pd(_mm256_extractf128_ps(t, 1)));
        first = _mm256_add_pd(first, _mm256_mul_pd(a, a));
        second = _mm256_add_pd(second, _mm256_mul_pd(b, b));
    }
    _mm256_storeu_pd(sum, first);
    _mm256_storeu_pd(sum + 4, second);
}

#define MSE rc_quantize_range_mse_avx2
#define ERRORS rc_quantize_errors_avx2
#define KL rc_quantize_range_kl_avx2
#include "ranges.h"
#endif
