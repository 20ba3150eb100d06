/* Sixty-four values at a time. vpmaddubsw puts pairs side by side (one plus the other times a power of two), vpmaddwd
 * fours, a shift the eight; vpermb moves together the bytes of eight words. Back, vpermb gives each word its bytes and
 * vpmultishiftqb takes the bits of its eight values out of it. */
#include "../kernels.h"
#include <string.h>
#if RC_X86

#define TARGET RC_AVX512

/* The first count of 64 bytes. */
RC_INLINE TARGET __mmask64 first(size_t count)
{
    return count >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
}

/* What is done is the same for all widths: their constants are made once for a row. */
RC_INLINE TARGET int pack_signs(size_t count, const int8_t *values, uint8_t *data)
{
    __mmask64 bad = 0;
    const __m512i one = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
    for (; count >= 64; count -= 64, values += 64, data += 8) {
        const __m512i v = _mm512_loadu_si512(values);
        const __mmask64 up = _mm512_cmpeq_epi8_mask(v, one);
        bad |= ~(up | _mm512_cmpeq_epi8_mask(v, minus));
        memcpy(data, &up, 8);
    }
    if (count) {
        const __mmask64 held = first(count);
        const __m512i v = _mm512_maskz_loadu_epi8(held, values);
        const __mmask64 up = _mm512_cmpeq_epi8_mask(v, one);
        bad |= held & ~(up | _mm512_cmpeq_epi8_mask(v, minus));
        memcpy(data, &up, (count + 7) / 8);
    }
    return bad != 0;
}

/* What all vectors of a row are packed by. */
struct packing {
    __m512i together, mask, half, pairs, fours, lower;
    __m128i shift;
};

RC_INLINE TARGET __m512i packed(const struct packing *how, __m512i v, __m512i *bad)
{
    /* bad | (v + half & ~mask) */
    *bad = _mm512_ternarylogic_epi32(*bad, _mm512_add_epi8(v, how->half), how->mask, 0xF4);
    /* The factors are the unsigned operand: 2^7 is none of the other. */
    const __m512i two = _mm512_maddubs_epi16(how->pairs, _mm512_and_si512(v, how->mask));
    const __m512i four = _mm512_madd_epi16(two, how->fours);
    const __m512i eight = _mm512_ternarylogic_epi64(how->lower, four, _mm512_srl_epi64(four, how->shift), 0xCA);
    return _mm512_permutexvar_epi8(how->together, eight);
}

static TARGET int pack_row(int bits, size_t count, const int8_t *values, uint8_t *data)
{
    if (bits == 1)
        return pack_signs(count, values, data);
    uint8_t from[64];
    for (int i = 0, word = 0, byte = 0; i < 64; i++, byte++) {
        if (byte == bits)
            word++, byte = 0;
        from[i] = (uint8_t)((8 * word + byte) & 63);
    }
    const struct packing how = {
        .together = _mm512_loadu_si512(from),
        .mask = _mm512_set1_epi8((char)((1 << bits) - 1)),
        .half = _mm512_set1_epi8((char)(1 << (bits - 1))),
        .pairs = _mm512_set1_epi16((short)(1 | 1 << (8 + bits))),
        .fours = _mm512_set1_epi32(1 | 1 << (16 + 2 * bits)),
        .lower = _mm512_set1_epi64((1 << 4 * bits) - 1),
        .shift = _mm_cvtsi32_si128(32 - 4 * bits),
    };
    const size_t bytes = (size_t)bits;
    __m512i bad = _mm512_setzero_si512();
    /* What is stored behind the 8 * bits bytes of these values is written again, by the next turn. */
    for (; count * bytes >= 64 * 8; count -= 64, values += 64, data += 8 * bytes)
        _mm512_storeu_si512(data, packed(&how, _mm512_loadu_si512(values), &bad));
    for (; count; count -= rc_min(count, 64), values += 64, data += 8 * bytes)
        _mm512_mask_storeu_epi8(data, first(count >= 64 ? 8 * bytes : (count * bytes + 7) / 8),
                                packed(&how, _mm512_maskz_loadu_epi8(first(count), values), &bad));
    return _mm512_test_epi8_mask(bad, bad) != 0;
}

RC_INLINE TARGET void unpack_signs(size_t count, const uint8_t *data, int8_t *values)
{
    const __m512i one = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
    for (; count; count -= rc_min(count, 64), values += 64, data += 8) {
        __mmask64 up = 0;
        memcpy(&up, data, count >= 64 ? 8 : (count + 7) / 8);
        _mm512_mask_storeu_epi8(values, first(count), _mm512_mask_blend_epi8(up, minus, one));
    }
}

static TARGET void unpack_row(int bits, size_t count, const uint8_t *data, int8_t *values)
{
    if (bits == 1) {
        unpack_signs(count, data, values);
        return;
    }
    uint8_t from[64], at[64];
    for (int i = 0; i < 64; i++) {
        from[i] = (uint8_t)((i / 8 * bits + i % 8) & 63); /* the bytes of the next eight come after the last of these */
        at[i] = (uint8_t)(i % 8 * bits);
    }
    const __m512i apart = _mm512_loadu_si512(from), fields = _mm512_loadu_si512(at);
    const __m512i mask = _mm512_set1_epi8((char)((1 << bits) - 1)), half = _mm512_set1_epi8((char)(1 << (bits - 1)));
    const size_t bytes = (size_t)bits;
    for (; count; count -= rc_min(count, 64), values += 64, data += 8 * bytes) {
        const __m512i stored = _mm512_maskz_loadu_epi8(first((rc_min(count, 64) * bytes + 7) / 8), data);
        const __m512i code = _mm512_multishift_epi64_epi8(fields, _mm512_permutexvar_epi8(apart, stored));
        const __m512i turned = _mm512_ternarylogic_epi32(code, mask, half, 0x6A); /* (code & mask) ^ half */
        const __m512i v = _mm512_sub_epi8(turned, half); /* the sign goes on */
        if (count >= 64)
            _mm512_storeu_si512(values, v);
        else
            _mm512_mask_storeu_epi8(values, first(count), v);
    }
}

#define PACK rc_quantize_pack_avx512
#define UNPACK rc_quantize_unpack_avx512
#include "pack.h"
#endif
