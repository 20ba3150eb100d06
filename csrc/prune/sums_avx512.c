/* What changed since AVX2: one vector holds the sums of eight blocks. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512
#define VECTORS
#define SUMS rc_prune_sums_avx512
#define DOUBLES __m512d

RC_INLINE TARGET __m512d d_zero(void)
{
    return _mm512_setzero_pd();
}

RC_INLINE TARGET __m512d d_load(const double *x)
{
    return _mm512_loadu_pd(x);
}

RC_INLINE TARGET void d_store(double *x, __m512d v)
{
    _mm512_storeu_pd(x, v);
}

RC_INLINE TARGET __m512d d_add(__m512d v, __m256 x)
{
    return _mm512_add_pd(v, _mm512_cvtps_pd(x));
}

#include "sums.h"
#endif
