/* What changed since the portable file: 16 inputs at a time, widened to int16 so that vpmaddwd's sum of two products is exact
 * (vpmaddubsw would save the widening and saturates: 255 * -128 * 2 does not fit an int16). A tile of 3 x 4 sums leaves
 * registers for three vectors of x and one product. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define TARGET RC_AVX2
#define VEC __m256i
#define STEP 16
#define MR 3
#define NR 4
#define PACKED int16_t
#define BIAS 0

/* AVX2 masks no bytes: the last few are copied to where 16 may be read. */
RC_INLINE TARGET __m128i bytes(const void *from, size_t count)
{
    int8_t copy[STEP] = {0};
    if (count == STEP)
        return _mm_loadu_si128(from);
    memcpy(copy, from, count);
    return _mm_loadu_si128((const __m128i *)copy);
}

RC_INLINE TARGET void pack(const int8_t *w, size_t count, int16_t *out)
{
    _mm256_store_si256((__m256i *)out, _mm256_cvtepi8_epi16(bytes(w, count)));
}

/* Sums over the lanes of four vectors: vphaddd adds neighbours, and twice leaves a, b, c, d side by side in each half. */
RC_INLINE TARGET void total4(const __m256i *v, int32_t *out)
{
    const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1)));
}

#define dot(acc, x, w) _mm256_add_epi32(acc, _mm256_madd_epi16(x, _mm256_load_si256((const __m256i *)(w))))

#define X uint8_t
#define KERNEL rc_gemm_u8s8_avx2
#define load_some(x, count) _mm256_cvtepu8_epi16(bytes(x, count))
#define load(x) load_some(x, STEP)
#include "int8.h"
#undef load_some

#define X int8_t
#define KERNEL rc_gemm_s8s8_avx2
#define load_some(x, count) _mm256_cvtepi8_epi16(bytes(x, count))
#include "int8.h"
#endif
