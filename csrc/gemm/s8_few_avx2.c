/* What changed since the portable file: 16 inputs at a time, widened to int16 so that vpmaddwd's sum of two products is
 * exact (vpmaddubsw would save the widening and saturates: 255 * -128 * 2 does not fit an int16). A tile of 3 x 4 sums
 * leaves registers for three vectors of x and one of w. */
#include "s8_tiles.h"
#if RC_X86

#define KERNEL_S8S8 rc_few_avx2_s8s8
#define KERNEL_U8S8 rc_few_avx2_u8s8
#define TARGET RC_AVX2
#define VEC __m256i
#define STEP 16
#define MR 3
#define NRF 4
#define BIAS 0

#define SOME size_t
RC_INLINE size_t some_of(size_t count)
{
    return count;
}

/* AVX2 masks no bytes: the last few are copied to where 16 may be read. */
RC_INLINE TARGET __m128i bytes(const void *from, size_t count)
{
    int8_t copy[STEP] = {0};
    if (count == STEP)
        return _mm_loadu_si128(from);
    memcpy(copy, from, count);
    return _mm_loadu_si128((const __m128i *)copy);
}

RC_INLINE TARGET __m256i inputs(const int is_signed, const uint8_t *x, size_t count)
{
    return is_signed ? _mm256_cvtepi8_epi16(bytes(x, count)) : _mm256_cvtepu8_epi16(bytes(x, count));
}

RC_INLINE TARGET __m256i weights(const int is_signed, const int8_t *w, size_t count)
{
    (void)is_signed;
    return _mm256_cvtepi8_epi16(bytes(w, count));
}

RC_INLINE TARGET __m256i dot(const int is_signed, __m256i acc, __m256i x, __m256i w)
{
    (void)is_signed;
    return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w));
}

/* vphaddd adds neighbours, and twice leaves the sums of a, b, c, d side by side in each half. */
RC_INLINE TARGET void reduce_four(const __m256i *v, int32_t *out)
{
    const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1)));
}

#include "s8_few.h"
#endif
