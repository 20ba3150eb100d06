/* What changed since the portable file: eight chains at a time; a tile of 3 x 4 elements goes over its block of inputs
 * twice, for the chains 0 to 7 and 8 to 15, since 16 registers hold 12 vectors and their operands, but not 24. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"
#include <string.h>

#define KERNEL rc_gemm_f32mixed_avx2
#define MR 3
#define NR 4

RC_INLINE TARGET __m256 less(__m256i q, int z)
{
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(q, _mm256_set1_epi32(z)));
}

/* AVX2 masks no bytes: of the last few weights a copy is made, to where 16 may be read; z - z is the zero behind
 * them. */
RC_INLINE TARGET void pack8(const int8_t *w, size_t count, int8_t z, float *out)
{
    int8_t copy[16];
    if (count < 16) {
        memset(copy, z, sizeof copy);
        memcpy(copy, w, count);
        w = copy;
    }
    const __m128i q = _mm_loadu_si128((const __m128i *)w);
    _mm256_store_ps(out, less(_mm256_cvtepi8_epi32(q), z));
    _mm256_store_ps(out + 8, less(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)), z));
}

RC_INLINE TARGET void pack16(const int16_t *w, size_t count, int16_t z, float *out)
{
    int16_t copy[16];
    if (count < 16) {
        for (size_t p = 0; p < 16; p++)
            copy[p] = z;
        memcpy(copy, w, count * sizeof *w);
        w = copy;
    }
    _mm256_store_ps(out, less(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)w)), z));
    _mm256_store_ps(out + 8, less(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(w + 8))), z));
}

#include "f32mixed.h"
#endif
