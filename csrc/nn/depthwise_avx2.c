/* Eight places, or eight channels, in a vector. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"

RC_INLINE TARGET __m256i v_between(int from, int to)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(from), lane),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(to), lane));
}

RC_INLINE TARGET __m256 v_even(__m256 a, __m256 b)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xD8));
}

#define KERNEL rc_nn_depthwise_f32_avx2
#include "depthwise.h"
#endif
