/* Vectors of doubles with AVX2: floats are read as doubles, and written rounded once. */
#include "../kernels.h"

#define TARGET RC_AVX2
#define VEC __m256d
#define LANES 4

RC_INLINE TARGET __m256d v_set1(double a)
{
    return _mm256_set1_pd(a);
}

RC_INLINE TARGET __m256d v_load(const double *x)
{
    return _mm256_loadu_pd(x);
}

RC_INLINE TARGET __m256d v_read(const float *x)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(x));
}

RC_INLINE TARGET void v_write(float *y, __m256d v)
{
    _mm_storeu_ps(y, _mm256_cvtpd_ps(v));
}

RC_INLINE TARGET __m256d v_abs(__m256d v)
{
    return _mm256_andnot_pd(_mm256_set1_pd(-0.0), v);
}

RC_INLINE TARGET __m256d v_negative(__m256d v)
{
    return _mm256_xor_pd(_mm256_set1_pd(-0.0), v);
}

RC_INLINE TARGET __m256d v_mul(__m256d a, __m256d b)
{
    return _mm256_mul_pd(a, b);
}

RC_INLINE TARGET __m256d v_fma(__m256d a, __m256d b, __m256d c)
{
    return _mm256_fmadd_pd(a, b, c);
}

RC_INLINE TARGET __m256d v_min(__m256d a, __m256d b)
{
    return _mm256_min_pd(a, b);
}
