/* What changed since the portable file: the sums of eight blocks are two vectors of doubles. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX2
#define VECTORS
#define SUMS rc_prune_sums_avx2
#define DOUBLES struct doubles

struct doubles {
    __m256d low, high;
};

RC_INLINE TARGET DOUBLES d_zero(void)
{
    return (DOUBLES){_mm256_setzero_pd(), _mm256_setzero_pd()};
}

RC_INLINE TARGET DOUBLES d_load(const double *x)
{
    return (DOUBLES){_mm256_loadu_pd(x), _mm256_loadu_pd(x + 4)};
}

RC_INLINE TARGET void d_store(double *x, DOUBLES v)
{
    _mm256_storeu_pd(x, v.low);
    _mm256_storeu_pd(x + 4, v.high);
}

RC_INLINE TARGET DOUBLES d_add(DOUBLES v, __m256 x)
{
    return (DOUBLES){_mm256_add_pd(v.low, _mm256_cvtps_pd(_mm256_castps256_ps128(x))),
                     _mm256_add_pd(v.high, _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)))};
}

#include "sums.h"
#endif
