/* What changed since AVX2: eight sums are one vector of doubles. */
#include "places.h"
#if RC_X86
#include <math.h>
#include <string.h>

#define TARGET RC_AVX512

RC_INLINE TARGET void add_errors(const float *scale, const float *low, const float *high, const float *x, size_t count,
                                 size_t step, double *sum)
{
    const __m256 s = _mm256_loadu_ps(scale), l = _mm256_loadu_ps(low), h = _mm256_loadu_ps(high),
                 most = _mm256_set1_ps(FLT_MAX), least = _mm256_set1_ps(-FLT_MAX);
    __m512d own = _mm512_loadu_pd(sum);
    for (size_t p = 0; p < count; p += step) {
        __m256 q = _mm256_min_ps(_mm256_max_ps(_mm256_div_ps(_mm256_set1_ps(x[p]), s), l), h);
        q = _mm256_roundscale_ps(q, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __m256 near = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(q, s), least), most);
        const __m512d off = _mm512_sub_pd(_mm512_cvtps_pd(near), _mm512_set1_pd((double)x[p]));
        own = _mm512_add_pd(own, _mm512_mul_pd(off, off));
    }
    _mm512_storeu_pd(sum, own);
}

#define MSE rc_quantize_range_mse_avx512
#define ERRORS rc_quantize_errors_avx512
#define KL rc_quantize_range_kl_avx512
#include "ranges.h"
#endif
