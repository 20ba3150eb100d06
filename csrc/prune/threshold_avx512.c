/* What changed since AVX2: eight doubles at a time, and comparisons give bits. */
#include "../kernels.h"
#if RC_X86

#include "doubles_avx512.h"

RC_INLINE TARGET double v_sum(__m512d v)
{
    return _mm512_reduce_add_pd(v);
}

#define TIES __mmask8

RC_INLINE TARGET __mmask8 no_ties(void)
{
    return 0;
}

RC_INLINE TARGET __mmask8 with_ties(__mmask8 ties, __m512d a, __m512d b)
{
    return (__mmask8)(ties | _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ));
}

RC_INLINE TARGET int any_ties(__mmask8 ties)
{
    return ties;
}

RC_INLINE TARGET void kept_from(const float *w, float least, uint8_t *mask)
{
    const __m512 l = _mm512_set1_ps(least);
    RC_UNROLL
    for (int p = 0; p < 64; p += 16) {
        const __mmask16 kept = _mm512_cmp_ps_mask(_mm512_abs_ps(_mm512_loadu_ps(w + p)), l, _CMP_GE_OQ);
        _mm_storeu_si128((__m128i *)(mask + p), _mm_maskz_set1_epi8(kept, 1));
    }
}

#define CHAIN rc_prune_chain_avx512
#define THRESHOLD rc_prune_threshold_avx512
#include "threshold.h"
#endif
