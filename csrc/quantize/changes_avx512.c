/* What changed since AVX2: the eight sums are one vector. */
#include "../kernels.h"
#if RC_X86
#define TARGET RC_AVX512

RC_INLINE TARGET void eights(size_t count, const float *x, const float *y, double *changes, double *squares)
{
    __m512d c = _mm512_loadu_pd(changes), s = _mm512_loadu_pd(squares);
    for (size_t p = 0; p < count; p += 8) {
        const __m512d before = _mm512_cvtps_pd(_mm256_loadu_ps(x + p));
        const __m512d change = _mm512_sub_pd(before, _mm512_cvtps_pd(_mm256_loadu_ps(y + p)));
        c = _mm512_add_pd(c, _mm512_mul_pd(change, change));
        s = _mm512_add_pd(s, _mm512_mul_pd(before, before));
    }
    _mm512_storeu_pd(changes, c);
    _mm512_storeu_pd(squares, s);
}

#define CHANGES rc_quantize_changes_avx512
#include "changes.h"
#endif
