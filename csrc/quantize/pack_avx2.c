/* Thirty-two values at a time. vpmaddubsw puts pairs side by side (one plus the other times a power of two), vpmaddwd
 * fours, a shift the eight; vpshufb moves together the bytes of two words, and each half of a vector is stored. Back,
 * vpshufb gives each value the two bytes in which its bits lie, and a product moves them to the top. */
#include "../kernels.h"
#include <string.h>
#if RC_X86

#define TARGET RC_AVX2

/* The bits of the bytes that 32 values read or write: 16 bytes, and 16 that begin where those of 16 values end. */
#define REACH(bits) (8 * (2 * (bits) + 16))

struct packing {
    __m256i together, mask, half, pairs, fours, lower;
    __m128i shift;
};

/* Two halves of 16 bytes, of which 2 * bits count. */
RC_INLINE TARGET __m256i packed(const struct packing *how, __m256i v, __m256i *bad)
{
    *bad = _mm256_or_si256(*bad, _mm256_andnot_si256(how->mask, _mm256_add_epi8(v, how->half)));
    /* The factors are the unsigned operand: 2^7 is none of the other. */
    const __m256i two = _mm256_maddubs_epi16(how->pairs, _mm256_and_si256(v, how->mask));
    const __m256i four = _mm256_madd_epi16(two, how->fours);
    const __m256i eight = _mm256_or_si256(_mm256_and_si256(how->lower, four),
                                          _mm256_andnot_si256(how->lower, _mm256_srl_epi64(four, how->shift)));
    return _mm256_shuffle_epi8(eight, how->together);
}

static TARGET int pack_signs(size_t count, const int8_t *values, uint8_t *data)
{
    const __m256i one = _mm256_set1_epi8(1), minus = _mm256_set1_epi8(-1);
    __m256i good = minus;
    for (; count >= 32; count -= 32, values += 32, data += 4) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)values), up = _mm256_cmpeq_epi8(v, one);
        good = _mm256_and_si256(good, _mm256_or_si256(up, _mm256_cmpeq_epi8(v, minus)));
        const int32_t mask = _mm256_movemask_epi8(up);
        memcpy(data, &mask, 4);
    }
    int bad = ~_mm256_movemask_epi8(good);
    for (; count; count -= rc_min(count, 8), values += 8, data++) {
        *data = 0;
        for (size_t i = 0; i < rc_min(count, 8); i++) {
            bad |= values[i] != 1 && values[i] != -1;
            *data = (uint8_t)(*data | (values[i] == 1) << i);
        }
    }
    return bad;
}

static TARGET int pack_row(int bits, size_t count, const int8_t *values, uint8_t *data)
{
    if (bits == 1)
        return pack_signs(count, values, data);
    uint8_t from[16];
    for (int i = 0; i < 16; i++)
        from[i] = (uint8_t)(i < 2 * bits ? i / bits * 8 + i % bits : 0x80);
    const struct packing how = {
        .together = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)from)),
        .mask = _mm256_set1_epi8((char)((1 << bits) - 1)),
        .half = _mm256_set1_epi8((char)(1 << (bits - 1))),
        .pairs = _mm256_set1_epi16((short)(1 | 1 << (8 + bits))),
        .fours = _mm256_set1_epi32(1 | 1 << (16 + 2 * bits)),
        .lower = _mm256_set1_epi64x((1 << 4 * bits) - 1),
        .shift = _mm_cvtsi32_si128(32 - 4 * bits),
    };
    const size_t bytes = (size_t)bits;
    __m256i bad = _mm256_setzero_si256();
    /* What is stored behind the bytes of these values is written again, by the next turn. */
    for (; count * bytes >= REACH(bytes); count -= 32, values += 32, data += 4 * bytes) {
        const __m256i v = packed(&how, _mm256_loadu_si256((const __m256i *)values), &bad);
        _mm_storeu_si128((__m128i *)data, _mm256_castsi256_si128(v));
        _mm_storeu_si128((__m128i *)(data + 2 * bytes), _mm256_extracti128_si256(v, 1));
    }
    for (; count; count -= rc_min(count, 32), values += 32, data += 4 * bytes) {
        uint8_t in[32] = {0}, out[48];
        memcpy(in, values, rc_min(count, 32));
        const __m256i v = packed(&how, _mm256_loadu_si256((const __m256i *)in), &bad);
        _mm_storeu_si128((__m128i *)out, _mm256_castsi256_si128(v));
        _mm_storeu_si128((__m128i *)(out + 2 * bytes), _mm256_extracti128_si256(v, 1));
        memcpy(data, out, (rc_min(count, 32) * bytes + 7) / 8);
    }
    return !_mm256_testz_si256(bad, bad);
}

struct unpacking {
    __m256i even, odd;           /* for vpshufb: the two bytes of every other value */
    __m256i even_top, odd_top;   /* the factors that move their bits to the top */
    __m128i even_down, odd_down; /* and how far they go down again */
    int bits;
};

/* Of 32 values, whose bytes begin at `from`; 16 bytes are read there, and 2 * bits further on. */
RC_INLINE TARGET __m256i unpacked(const struct unpacking *how, const uint8_t *from)
{
    const __m256i stored = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)from)),
        _mm_loadu_si128((const __m128i *)(from + 2 * how->bits)), 1);
    const __m256i even = _mm256_mullo_epi16(_mm256_shuffle_epi8(stored, how->even), how->even_top);
    const __m256i odd = _mm256_mullo_epi16(_mm256_shuffle_epi8(stored, how->odd), how->odd_top);
    const __m256i v = _mm256_blendv_epi8(_mm256_sra_epi16(even, how->even_down), _mm256_sra_epi16(odd, how->odd_down),
                                         _mm256_set1_epi16((short)0xFF00));
    /* Of a single bit the sign is -1 or 0: for 1 and -1. */
    return how->bits == 1 ? _mm256_xor_si256(_mm256_add_epi8(v, v), _mm256_set1_epi8(-1)) : v;
}

static TARGET void unpack_row(int bits, size_t count, const uint8_t *data, int8_t *values)
{
    uint8_t from[2][16];
    uint16_t top[2][8];
    for (int i = 0; i < 8; i++) {
        for (int odd = 0; odd < 2; odd++) {
            const int bit = (2 * i + odd) * bits;
            from[odd][2 * i] = (uint8_t)(bit / 8);
            from[odd][2 * i + 1] = (uint8_t)(bit / 8 + 1);
            top[odd][i] = (uint16_t)(1 << (16 - bits - bit % 8));
        }
    }
#define BOTH(a) _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(a)))
    const struct unpacking how = {
        .even = BOTH(from[0]), .odd = BOTH(from[1]),
        .even_top = BOTH(top[0]), .odd_top = BOTH(top[1]),
        .even_down = _mm_cvtsi32_si128(16 - bits), .odd_down = _mm_cvtsi32_si128(8 - bits),
        .bits = bits,
    };
#undef BOTH
    const size_t bytes = (size_t)bits;
    for (; count * bytes >= REACH(bytes); count -= 32, values += 32, data += 4 * bytes)
        _mm256_storeu_si256((__m256i *)values, unpacked(&how, data));
    for (; count; count -= rc_min(count, 32), values += 32, data += 4 * bytes) {
        uint8_t in[48] = {0};
        int8_t out[32];
        memcpy(in, data, (rc_min(count, 32) * bytes + 7) / 8);
        _mm256_storeu_si256((__m256i *)out, unpacked(&how, in));
        memcpy(values, out, rc_min(count, 32));
    }
}

#define PACK rc_quantize_pack_avx2
#define UNPACK rc_quantize_unpack_avx2
#include "pack.h"
#endif
