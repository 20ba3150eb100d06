/* What changed since the portable file: the eight sums are two vectors of doubles. */
#include "../kernels.h"
#if RC_X86
#define TARGET RC_AVX2

RC_INLINE TARGET void eights(size_t count, const float *x, const float *y, double *changes, double *squares)
{
    __m256d c[2], s[2];
    RC_UNROLL for (size_t h = 0; h < 2; h++) {
        c[h] = _mm256_loadu_pd(changes + 4 * h);
        s[h] = _mm256_loadu_pd(squares + 4 * h);
    }
    for (size_t p = 0; p < count; p += 8) {
        RC_UNROLL for (size_t h = 0; h < 2; h++) {
            const __m256d before = _mm256_cvtps_pd(_mm_loadu_ps(x + p + 4 * h));
            const __m256d change = _mm256_sub_pd(before, _mm256_cvtps_pd(_mm_loadu_ps(y + p + 4 * h)));
            c[h] = _mm256_add_pd(c[h], _mm256_mul_pd(change, change));
            s[h] = _mm256_add_pd(s[h], _mm256_mul_pd(before, before));
        }
    }
    RC_UNROLL for (size_t h = 0; h < 2; h++) {
        _mm256_storeu_pd(changes + 4 * h, c[h]);
        _mm256_storeu_pd(squares + 4 * h, s[h]);
    }
}

#define CHANGES rc_quantize_changes_avx2
#include "changes.h"
#endif
