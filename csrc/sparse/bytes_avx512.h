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

/* The other way: what stands where the mask has ones, side by side, and zeros behind. It waits in the same way. */
RC_INLINE RC_AVX512 __m512i compressed(__mmask64 mask, __m512i bytes)
{
    __asm__("vpcompressb %0, %0%{%1%}%{z%}" : "+v"(bytes) : "Yk"(mask));
    return bytes;
}

RC_INLINE RC_AVX512 __m512i compressed_words(__mmask16 mask, __m512i words)
{
    __asm__("vpcompressd %0, %0%{%1%}%{z%}" : "+v"(words) : "Yk"(mask));
    return words;
}

/* 0, 1 .. 63 in bytes. */
RC_INLINE RC_AVX512 __m512i byte_numbers(void)
{
    return _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
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
