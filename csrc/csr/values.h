/* The values of a sparse matrix as floats: where they stand, or decoded, a piece at a time. */
#ifndef REFCOMPRESS_CSR_VALUES_H
#define REFCOMPRESS_CSR_VALUES_H
#include "../kernels.h"
#include <string.h>

enum { PIECE = 32 }; /* entries that are decoded at a time: two cache lines of floats */

RC_INLINE float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The exponent of a half is less by 127 - 15 than that of a float with the same bits: one product mends it, and makes
 * normal numbers of subnormal ones. Infinity and NaN have the largest exponent in both. */
RC_INLINE float from_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = (uint32_t)(half & 0x7fff) << 13;
    const float scaled = from_bits(magnitude) * 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    return from_bits(bits | sign | (magnitude >= 0x0f800000 ? 0x7f800000 : 0));
}

/* The value that is stored at an address. */
RC_INLINE float value_as_float(enum rc_csr_type type, const void *stored)
{
    if (type == RC_CSR_F32)
        return *(const float *)stored;
    const uint16_t bits = *(const uint16_t *)stored;
    return type == RC_CSR_F16 ? from_half(bits) : from_bits((uint32_t)bits << 16);
}

#if RC_X86
RC_INLINE RC_AVX2 __m256 eight_of_16_bits(enum rc_csr_type type, const uint16_t *stored)
{
    const __m128i eight = _mm_loadu_si128((const __m128i *)stored);
    if (type == RC_CSR_F16)
        return _mm256_cvtph_ps(eight);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
}
#endif

/* The entries p .. p + count as floats, count being at most PIECE where they must be decoded. */
RC_INLINE const float *values(const struct rc_csr *a, size_t p, size_t count, float *buffer)
{
    if (a->type == RC_CSR_F32)
        return (const float *)a->data + p;
    const uint16_t *stored = (const uint16_t *)a->data + p;
    if (a->type == RC_CSR_F16)
        for (size_t s = 0; s < count; s++)
            buffer[s] = from_half(stored[s]);
    else
        for (size_t s = 0; s < count; s++)
            buffer[s] = from_bits((uint32_t)stored[s] << 16);
    return buffer;
}

/* How many of the entries from p on `values` gives at a time. */
RC_INLINE size_t piece(const struct rc_csr *a, size_t left)
{
    return a->type == RC_CSR_F32 ? left : rc_min(left, PIECE);
}
#endif
