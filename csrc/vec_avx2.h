/* Vectors of floats with AVX2, under the names that the templates of csr, gemm and quantize use; vec_avx512.h has the
 * same names. */
#include "kernels.h"

#define TARGET RC_AVX2
#define VEC __m256
#define LANES 8
#define MASK __m256i

RC_INLINE TARGET __m256 v_zero(void)
{
    return _mm256_setzero_ps();
}

RC_INLINE TARGET __m256 v_set1(float a)
{
    return _mm256_set1_ps(a);
}

/* a * b + c, rounded once. */
RC_INLINE TARGET __m256 v_fma(__m256 a, __m256 b, __m256 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

RC_INLINE TARGET __m256 v_load(const float *x)
{
    return _mm256_loadu_ps(x);
}

RC_INLINE TARGET void v_store(float *y, __m256 v)
{
    _mm256_storeu_ps(y, v);
}

/* The first count lanes. */
RC_INLINE TARGET __m256i v_mask(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The lanes of a mask, zeros in the others; nothing else is read. */
RC_INLINE TARGET __m256 v_load_some(const float *x, __m256i mask)
{
    return _mm256_maskload_ps(x, mask);
}

/* The lanes of a mask; nothing else is written. */
RC_INLINE TARGET void v_store_some(float *y, __m256i mask, __m256 v)
{
    _mm256_maskstore_ps(y, mask, v);
}
