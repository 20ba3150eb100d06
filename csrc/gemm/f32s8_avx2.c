/* What changed since the portable file: eight chains at a time; a tile of 3 x 4 elements goes over its block of inputs twice,
 * for the chains 0 to 7 and 8 to 15, since 16 registers hold 12 vectors and their operands, but not 24. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define KERNEL rc_gemm_f32s8_avx2
#define TARGET RC_AVX2
#define VEC __m256
#define LANES 8
#define MR 3
#define NR 4
#define zero _mm256_setzero_ps
#define load _mm256_loadu_ps
#define store _mm256_storeu_ps
#define set1 _mm256_set1_ps
#define fma _mm256_fmadd_ps

RC_INLINE TARGET __m256i lanes_below(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

#define load_some(x, count) _mm256_maskload_ps(x, lanes_below(count))

RC_INLINE TARGET __m256 widened(__m128i q, int8_t z)
{
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepi8_epi32(q), _mm256_set1_epi32(z)));
}

RC_INLINE TARGET void pack(const int8_t *w, size_t count, int8_t z, float *out)
{
    int8_t copy[16]; /* AVX2 masks no bytes: the last few are copied to where 16 may be read */
    if (count < 16) {
        memset(copy, z, sizeof copy); /* z - z is the zero that stands behind them */
        memcpy(copy, w, count);
        w = copy;
    }
    const __m128i q = _mm_loadu_si128((const __m128i *)w);
    _mm256_store_ps(out, widened(q, z));
    _mm256_store_ps(out + 8, widened(_mm_srli_si128(q, 8), z));
}

#include "f32s8.h"
#endif
