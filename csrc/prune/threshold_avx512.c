/* What changed since AVX2: eight doubles at a time, and comparisons give bits. */
#include "../memory.h"
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

RC_INLINE TARGET void kept_from(const float *w, float least, int stream, uint8_t *mask)
{
    __mmask16 kept[4];
    RC_UNROLL
    for (int p = 0; p < 4; p++)
        kept[p] = _mm512_cmp_ps_mask(_mm512_abs_ps(_mm512_loadu_ps(w + 16 * p)), _mm512_set1_ps(least), _CMP_GE_OQ);
    const __mmask64 all = _mm512_kunpackd(_mm512_kunpackw(kept[3], kept[2]), _mm512_kunpackw(kept[1], kept[0]));
    store_line(mask, _mm512_maskz_set1_epi8(all, 1), stream);
}

#define CHAIN rc_prune_chain_avx512
#define THRESHOLD rc_prune_threshold_avx512
#include "threshold.h"
#endif
