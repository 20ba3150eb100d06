/* What changed since AVX2: vpdpbusd multiplies 64 pairs of bytes and adds them up by fours in one instruction, so nothing is
 * widened, and it does not saturate. It wants one side unsigned: where both are signed, w is packed as w + 128, and the
 * template takes 128 times the sum of x off again. 32 registers hold a tile of 4 x 6. Tails are masked loads. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define TARGET RC_AVX512
#define VEC __m512i
#define STEP 64
#define MR 4
#define NR 6
#define PACKED uint8_t

RC_INLINE TARGET __m512i load(const void *x)
{
    return _mm512_loadu_si512(x);
}

RC_INLINE TARGET __m512i load_some(const void *x, size_t count)
{
    return _mm512_maskz_loadu_epi8(((__mmask64)1 << count) - 1, x);
}

/* Sums over the lanes of four vectors: neighbours are interleaved and added twice, which leaves a, b, c, d side by side. */
RC_INLINE TARGET void total4(const __m512i *v, int32_t *out)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

RC_INLINE TARGET __m512i bytes(const int8_t *w, size_t count)
{
    return count == STEP ? load(w) : load_some(w, count);
}

RC_INLINE TARGET void pack_plain(const int8_t *w, size_t count, uint8_t *out)
{
    _mm512_store_si512(out, bytes(w, count));
}

RC_INLINE TARGET void pack_biased(const int8_t *w, size_t count, uint8_t *out)
{
    _mm512_store_si512(out, _mm512_xor_si512(bytes(w, count), _mm512_set1_epi8(-128))); /* w + 128: its top bit flips */
}

#define X uint8_t
#define KERNEL rc_gemm_u8s8_avx512
#define BIAS 0
#define pack pack_plain
#define dot(acc, x, w) _mm512_dpbusd_epi32(acc, x, _mm512_load_si512(w))
#include "int8.h"
#undef BIAS
#undef pack
#undef dot

#define X int8_t
#define KERNEL rc_gemm_s8s8_avx512
#define BIAS 128
#define pack pack_biased
#define dot(acc, x, w) _mm512_dpbusd_epi32(acc, _mm512_load_si512(w), x)
#include "int8.h"
#endif
