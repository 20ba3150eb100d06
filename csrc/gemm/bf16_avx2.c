/* The two steps of a chain are two fused multiply-adds, of the upper halves of the pairs and of the lower ones; a
 * bfloat16 is the upper half of a float. Chains flush subnormals: so does the unit, in a mode that is set around them,
 * and both judge a result after it was rounded. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"
#include <string.h>

#define KERNEL rc_gemm_bf16bf16_avx2
#define PAIRS __m256i
#define MR 2
#define NR 4
/* MXCSR as C begins with it, and with subnormal inputs and results taken for zeros. */
#define FLUSHED(statement) \
    do { \
        const unsigned mode = _mm_getcsr(); \
        _mm_setcsr(0x1F80 | 0x8040); \
        statement; \
        _mm_setcsr(mode); \
    } while (0)

RC_INLINE TARGET __m256i p_load(const uint16_t *x)
{
    return _mm256_loadu_si256((const __m256i *)x);
}

RC_INLINE TARGET __m256i p_load_some(const uint16_t *x, size_t count)
{
    uint16_t some[16] = {0};
    memcpy(some, x, count * sizeof *some);
    return p_load(some);
}

RC_INLINE TARGET __m256 upper(__m256i pairs)
{
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000)));
}

RC_INLINE TARGET __m256 lower(__m256i pairs)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}

RC_INLINE TARGET __m256 v_pairs(__m256 acc, __m256i x, __m256i w)
{
    return _mm256_fmadd_ps(lower(x), lower(w), _mm256_fmadd_ps(upper(x), upper(w), acc));
}

#include "bf16.h"
#endif
