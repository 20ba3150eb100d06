/* What changed since vec_avx2.h: sixteen lanes, and a mask has a register of its own. */
#include "kernels.h"

#define TARGET RC_AVX512
#define VEC __m512
#define LANES 16
#define MASK __mmask16

RC_INLINE TARGET __m512 v_zero(void)
{
    return _mm512_setzero_ps();
}

RC_INLINE TARGET __m512 v_set1(float a)
{
    return _mm512_set1_ps(a);
}

RC_INLINE TARGET __m512 v_fma(__m512 a, __m512 b, __m512 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

RC_INLINE TARGET __m512 v_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

RC_INLINE TARGET void v_store(float *y, __m512 v)
{
    _mm512_storeu_ps(y, v);
}

RC_INLINE TARGET __mmask16 v_mask(size_t count)
{
    return (__mmask16)((1u << count) - 1);
}

RC_INLINE TARGET __m512 v_load_some(const float *x, __mmask16 mask)
{
    return _mm512_maskz_loadu_ps(mask, x);
}

RC_INLINE TARGET void v_store_some(float *y, __mmask16 mask, __m512 v)
{
    _mm512_mask_storeu_ps(y, mask, v);
}
