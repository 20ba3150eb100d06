/* The halves of 32 inputs for vpmaddubsw: x = 16 * high + low. s8_tile_avx2.h says why. */
#include "s8_tiles.h"

RC_INLINE TARGET void split(const int x_unsigned, __m256i x, __m256i *high, __m256i *low)
{
    const __m256i four = _mm256_set1_epi8(15), eight = _mm256_set1_epi8(8);
    if (x_unsigned) {
        *high = _mm256_and_si256(_mm256_srli_epi16(x, 4), four);
        *low = _mm256_and_si256(x, four);
        return;
    }
    /* vpavgb of an eighth of x + 128 and 0 is a sixteenth, rounded */
    const __m256i eighth = _mm256_srli_epi16(_mm256_xor_si256(x, _mm256_set1_epi8(-128)), 3);
    const __m256i sixteenth = _mm256_avg_epu8(_mm256_and_si256(eighth, _mm256_set1_epi8(31)), _mm256_setzero_si256());
    *high = _mm256_sub_epi8(sixteenth, eight);
    *low = _mm256_sub_epi8(_mm256_and_si256(_mm256_add_epi8(x, eight), four), eight);
}

/* 32 bytes, or as many as there are, and zeros. */
RC_INLINE TARGET __m256i bytes_or_zeros(const void *from, size_t count)
{
    uint8_t some[32] = {0};
    return _mm256_loadu_si256(count < 32 ? memcpy(some, from, count) : from);
}
