/* What changed since depthwise_avx2.c: sixteen of them, and a permutation of two vectors in one instruction. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"

RC_INLINE TARGET __mmask16 v_between(int from, int to)
{
    return (__mmask16)((1u << to) - (1u << from));
}

RC_INLINE TARGET __m512 v_even(__m512 a, __m512 b)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, even, b);
}

#define KERNEL rc_nn_depthwise_f32_avx512
#include "depthwise.h"
#endif
