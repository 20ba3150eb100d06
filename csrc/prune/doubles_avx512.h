/* Vectors of doubles with AVX-512: floats are read as doubles, and written rounded once. */
#include "../kernels.h"

#define TARGET RC_AVX512
#define VEC __m512d
#define LANES 8

RC_INLINE TARGET __m512d v_set1(double a)
{
    return _mm512_set1_pd(a);
}

RC_INLINE TARGET __m512d v_load(const double *x)
{
    return _mm512_loadu_pd(x);
}

RC_INLINE TARGET __m512d v_read(const float *x)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(x));
}

RC_INLINE TARGET void v_write(float *y, __m512d v)
{
    _mm256_storeu_ps(y, _mm512_cvtpd_ps(v));
}

RC_INLINE TARGET __m512d v_abs(__m512d v)
{
    return _mm512_abs_pd(v);
}

RC_INLINE TARGET __m512d v_negative(__m512d v)
{
    return _mm512_xor_pd(_mm512_set1_pd(-0.0), v);
}

RC_INLINE TARGET __m512d v_mul(__m512d a, __m512d b)
{
    return _mm512_mul_pd(a, b);
}

RC_INLINE TARGET __m512d v_fma(__m512d a, __m512d b, __m512d c)
{
    return _mm512_fmadd_pd(a, b, c);
}

RC_INLINE TARGET __m512d v_min(__m512d a, __m512d b)
{
    return _mm512_min_pd(a, b);
}
