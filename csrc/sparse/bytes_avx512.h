/* Packed bytes of a sparse matrix for AVX-512. */
#ifndef REFCOMPRESS_SPARSE_BYTES_AVX512_H
#define REFCOMPRESS_SPARSE_BYTES_AVX512_H
#include "../vec_avx512.h"
#include "strips.h"

RC_INLINE RC_AVX512 __mmask64 first_64(size_t count)
{
    return count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

/* The bytes, one after the other, where the mask has ones, and zeros elsewhere. In the register that they are in: the
 * instruction waits for what was in its result before, so that five cycles lie between two with the same one, where
 * between two others lie two and a half. From memory it takes longer still. */
RC_INLINE RC_AVX512 __m512i expanded(__mmask64 mask, __m512i bytes)
{
    __asm__("vpexpandb %0, %0%{%1%}%{z%}" : "+v"(bytes) : "Yk"(mask));
    return bytes;
}

/* The next `count` bytes of the entries, at most 64; nothing behind the last entry is read. */
RC_INLINE RC_AVX512 int next_bytes(const struct rc_sparse *a, size_t count, size_t *at, __m512i *bytes)
{
    const uint8_t *data = (const uint8_t *)a->data + *at;
    if (a->nnz >= 64 && *at <= a->nnz - 64) { /* not by a sum: what was changed meanwhile may overflow it */
        *bytes = _mm512_loadu_si512(data);
    } else {
        if (*at > a->nnz || count > a->nnz - *at)
            return RC_BAD_INDEX;
        *bytes = _mm512_maskz_loadu_epi8(first_64(a->nnz - *at), data);
    }
    *at += count;
    return RC_OK;
}
#endif
