/* What changed since the portable file: sixteen elements at a time, of which those that are stored move together. */
#include "../kernels.h"
#if RC_X86

RC_INLINE RC_AVX512 __mmask16 stored(const float *w, const uint8_t *mask, size_t i, __mmask16 some)
{
    if (mask)
        return _mm_test_epi8_mask(_mm_maskz_loadu_epi8(some, mask + i), _mm_set1_epi8(-1));
    return _mm512_mask_cmp_ps_mask(some, _mm512_maskz_loadu_ps(some, w + i), _mm512_setzero_ps(), _CMP_NEQ_UQ);
}

RC_INLINE __mmask16 first_of(size_t count)
{
    return (__mmask16)(count < 16 ? (1u << count) - 1 : 0xFFFF);
}

RC_AVX512 int rc_csr_count_avx512(size_t begin, size_t end, size_t k, const float *w, const uint8_t *mask,
                                  int64_t *counts)
{
    for (size_t i = begin; i < end; i++) {
        int64_t count = 0;
        for (size_t j = 0; j < k; j += 16)
            count += __builtin_popcount(stored(w, mask, i * k + j, first_of(k - j)));
        counts[i] = count;
    }
    return RC_OK;
}

/* Stores are of as many lanes as there are entries: what lies behind may be another thread's. */
RC_AVX512 int rc_csr_from_dense_avx512(size_t begin, size_t end, size_t k, const float *w, const uint8_t *mask,
                                       const int64_t *indptr, int wide, void *indices, float *data)
{
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    if (wide)
        return rc_csr_from_dense_portable(begin, end, k, w, mask, indptr, wide, indices, data);
    for (size_t i = begin; i < end; i++) {
        size_t p = (size_t)indptr[i];
        const size_t stop = (size_t)indptr[i + 1];
        for (size_t j = 0; j < k; j += 16) {
            const __mmask16 some = first_of(k - j), own = stored(w, mask, i * k + j, some);
            const size_t count = (size_t)__builtin_popcount(own);
            if (count > stop - p)
                return RC_BAD_INDEX;
            const __m512i columns = _mm512_add_epi32(lanes, _mm512_set1_epi32((int32_t)j));
            _mm512_mask_storeu_epi32((int32_t *)indices + p, first_of(count),
                                     _mm512_maskz_compress_epi32(own, columns));
            _mm512_mask_storeu_ps(data + p, first_of(count),
                                  _mm512_maskz_compress_ps(own, _mm512_maskz_loadu_ps(some, w + i * k + j)));
            p += count;
        }
        if (p != stop)
            return RC_BAD_INDEX;
    }
    return RC_OK;
}
#endif
