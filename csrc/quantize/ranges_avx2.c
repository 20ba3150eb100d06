/* What changed since the portable file: an element is rounded to eight grids at a time, whose sums are two vectors of
 * doubles. */
#include "places.h"
#if RC_X86
#include <math.h>
#include <string.h>

#define TARGET RC_AVX2

RC_INLINE TARGET void add_errors(const float *scale, const float *low, const float *high, const float *x, size_t count,
                                 size_t step, double *sum)
{
    const __m256 s = _mm256_loadu_ps(scale), l = _mm256_loadu_ps(low), h = _mm256_loadu_ps(high),
                 most = _mm256_set1_ps(FLT_MAX), least = _mm256_set1_ps(-FLT_MAX);
    __m256d first = _mm256_loadu_pd(sum), second = _mm256_loadu_pd(sum + 4);
    for (size_t p = 0; p < count; p += step) {
        const __m256 t = _mm256_set1_ps(x[p]);
        const __m256d wide = _mm256_set1_pd((double)x[p]);
        __m256 q = _mm256_min_ps(_mm256_max_ps(_mm256_div_ps(t, s), l), h);
        q = _mm256_round_ps(q, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __m256 near = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(q, s), least), most);
        const __m256d a = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(near)), wide),
                      b = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(near, 1)), wide);
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
