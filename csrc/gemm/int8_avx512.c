/* What changed since AVX2: vpdpbusd multiplies 64 pairs of bytes and adds them up by fours in one instruction, so
 * nothing is widened, and it does not saturate. It wants one side unsigned: where both are signed, w is packed as w +
 * 128, and the template takes 128 times the sum of x off again. 32 registers hold a tile of 4 x 6. Tails are masked
 * loads. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define KERNEL_S8S8 rc_gemm_s8s8_avx512
#define KERNEL_U8S8 rc_gemm_u8s8_avx512
#define TARGET RC_AVX512
#define VEC __m512i
#define STEP 64
#define MR 4
#define NR 6
#define PACKED uint8_t
#define BIAS 128

RC_INLINE TARGET __m512i bytes(const void *from, size_t count)
{
    return count == STEP ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, from);
}

RC_INLINE TARGET __m512i load(const int is_signed, const uint8_t *x)
{
    (void)is_signed;
    return bytes(x, STEP);
}

RC_INLINE TARGET __m512i load_some(const int is_signed, const uint8_t *x, size_t count)
{
    (void)is_signed;
    return _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, x);
}

RC_INLINE TARGET void pack(const int is_signed, const int8_t *w, size_t count, uint8_t *out)
{
    const __m512i v = bytes(w, count);
    /* w + 128: its top bit flips. */
    _mm512_store_si512(out, is_signed ? _mm512_xor_si512(v, _mm512_set1_epi8(-128)) : v);
}

/* The unsigned side comes first: x, or the weights that were packed as w + 128. */
RC_INLINE TARGET __m512i dot(const int is_signed, __m512i acc, __m512i x, const uint8_t *w)
{
    const __m512i weight = _mm512_load_si512(w);
    return is_signed ? _mm512_dpbusd_epi32(acc, weight, x) : _mm512_dpbusd_epi32(acc, x, weight);
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

#include "int8.h"
#endif
