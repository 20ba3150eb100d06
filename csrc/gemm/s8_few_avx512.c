/* What changed since AVX2: vpdpbusd multiplies 64 pairs of bytes and adds them up by fours in one instruction, so
 * nothing is widened, and it does not saturate. It wants one side unsigned: where both are signed, that is w + 128. 32
 * registers hold a tile of 4 x 6. Tails are masked loads. */
#include "s8_tiles.h"
#if RC_X86

#define KERNEL_S8S8 rc_few_avx512_s8s8
#define KERNEL_U8S8 rc_few_avx512_u8s8
#define TARGET RC_AVX512
#define VEC __m512i
#define STEP 64
#define MR 4
#define NRF 6
#define BIAS 128

#define SOME __mmask64
RC_INLINE __mmask64 some_of(size_t count)
{
    return ~(__mmask64)0 >> (64 - count);
}

RC_INLINE TARGET __m512i inputs(const int is_signed, const uint8_t *x, __mmask64 some)
{
    (void)is_signed;
    return _mm512_maskz_loadu_epi8(some, x);
}

RC_INLINE TARGET __m512i weights(const int is_signed, const int8_t *w, __mmask64 some)
{
    const __m512i v = _mm512_maskz_loadu_epi8(some, w);
    return is_signed ? _mm512_xor_si512(v, _mm512_set1_epi8(-128)) : v; /* w + 128: its top bit flips */
}

/* The unsigned side comes first: x, or w + 128. */
RC_INLINE TARGET __m512i dot(const int is_signed, __m512i acc, __m512i x, __m512i w)
{
    return is_signed ? _mm512_dpbusd_epi32(acc, w, x) : _mm512_dpbusd_epi32(acc, x, w);
}

/* Neighbours are interleaved and added twice, which leaves the sums of a, b, c, d side by side. */
RC_INLINE TARGET void reduce_four(const __m512i *v, int32_t *out)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

#include "s8_few.h"
#endif
