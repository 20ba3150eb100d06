/* Codes of weights. Up to 32 ends lie in two registers, and a halving of 16 weights is a look-up and a comparison;
 * scalar code waits for each of them. More ends are searched by gathering, which is no slower than single loads. */
#include "../kernels.h"

#if RC_X86

/* Which of the ascending ends each value lies behind: HALVINGS comparisons, from the highest bit to the lowest. */
RC_AVX512 static inline __attribute__((always_inline)) __m512i places_of(const float *ends, const int halvings,
                                                                         __m512 low, __m512 high, __m512 values)
{
    __m512i below = _mm512_setzero_si512();
    for (int bit = 1 << halvings >> 1; bit > 0; bit /= 2) {
        const __m512i at = _mm512_add_epi32(below, _mm512_set1_epi32(bit - 1));
        const __m512 end = halvings <= 5 ? _mm512_permutex2var_ps(low, at, high) : _mm512_i32gather_ps(at, ends, 4);
        const __mmask16 behind = _mm512_cmp_ps_mask(end, values, _CMP_LT_OQ);
        below = _mm512_mask_add_epi32(below, behind, below, _mm512_set1_epi32(bit));
    }
    return below;
}

RC_AVX512 static inline __attribute__((always_inline)) void narrow_codes(size_t begin, size_t end, const int halvings,
                                                                         const float *ends, const uint16_t *code_of,
                                                                         int pruned, const float *w, uint8_t *codes)
{
    float table[32];
    int32_t code_table[256];
    const int count = 1 << halvings;
    for (int i = 0; i < 32; i++)
        table[i] = i + 1 < count ? ends[i] : 0.0f; /* what lies behind the last is never looked up */
    for (int i = 0; i < count; i++)
        code_table[i] = code_of[i];
    for (int i = count; i < 32; i++)
        code_table[i] = 0;
    const __m512 low = _mm512_loadu_ps(table), high = _mm512_loadu_ps(table + 16);
    const __m512i low_codes = _mm512_loadu_si512(code_table), high_codes = _mm512_loadu_si512(code_table + 16);
    for (size_t i = begin; i < end; i += 16) {
        const __mmask16 there = end - i < 16 ? (__mmask16)((1u << (end - i)) - 1u) : (__mmask16)0xffff;
        const __m512 values = _mm512_maskz_loadu_ps(there, w + i);
        const __m512i place = places_of(ends, halvings, low, high, values);
        __m512i code = halvings <= 5 ? _mm512_permutex2var_epi32(low_codes, place, high_codes)
                                     : _mm512_i32gather_epi32(place, code_table, 4);
        if (pruned)
            code = _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(values, _mm512_setzero_ps(), _CMP_NEQ_UQ), code);
        _mm512_mask_cvtepi32_storeu_epi8(codes + i, there, code);
    }
}

RC_AVX512 int rc_share_codes_avx512(size_t begin, size_t end, int halvings, const float *ends,
                                    const uint16_t *code_of, int pruned, int wide, const float *w, void *codes)
{
    if (wide || halvings > 8)
        return rc_share_codes_portable(begin, end, halvings, ends, code_of, pruned, wide, w, codes);
    /* A constant number of halvings is a loop unrolled. */
    if (halvings <= 4)
        narrow_codes(begin, end, 4, ends, code_of, pruned, w, codes);
    else if (halvings == 5)
        narrow_codes(begin, end, 5, ends, code_of, pruned, w, codes);
    else
        narrow_codes(begin, end, halvings, ends, code_of, pruned, w, codes);
    return RC_OK;
}
#endif
