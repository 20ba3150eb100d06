/* Eight values in a word of 64 bits, the first in its lowest byte, move together in three steps: pairs, fours, the
 * eight. */
#include "../kernels.h"
#include <string.h>

enum { STEPS = 3 };
static const uint64_t LOWER[STEPS] = {0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF};
static const uint64_t EACH = 0x0101010101010101; /* 1 in each byte */

/* `count` bytes as a word, and back: compilers make one or a few moves of it. */
RC_INLINE uint64_t word_of(const uint8_t *from, const size_t count)
{
    uint64_t word = 0;
    RC_UNROLL
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)from[i] << 8 * i;
    return word;
}

RC_INLINE void put_word(uint8_t *to, uint64_t word, const size_t count)
{
    RC_UNROLL
    for (size_t i = 0; i < count; i++)
        to[i] = (uint8_t)(word >> 8 * i);
}

/* The bits of eight values that fill their bytes, side by side, and what has bits that do not fit. */
RC_INLINE uint64_t packed(const int bits, uint64_t word, uint64_t *bad)
{
    if (bits == 1) { /* 1 is 00000001, -1 is 11111111: the second bit is the sign */
        const uint64_t sign = word >> 1 & EACH;
        *bad |= word ^ (EACH | sign * 0xFE);
        word = sign ^ EACH;
    } else { /* plus a half, in each byte: a sum of seven bits and a carry, of which none reaches the next byte */
        const uint64_t half = EACH << (bits - 1), top = EACH << 7;
        *bad |= ((((word & ~top) + half) ^ (word & top)) & (EACH * (0xFFu & (0xFFu << bits))));
        word &= EACH * ((1u << bits) - 1);
    }
    RC_UNROLL
    for (int step = 0; step < STEPS; step++) /* of two neighbours the upper one moves down */
        word = (word & LOWER[step]) | (word & ~LOWER[step]) >> ((8 - bits) << step);
    return word;
}

RC_INLINE uint64_t unpacked(const int bits, uint64_t word)
{
    RC_UNROLL
    for (int step = STEPS - 1; step >= 0; step--) {
        const int width = bits << step; /* of each of two neighbours */
        const uint64_t low = LOWER[step] & (LOWER[step] >> ((8 << step) - width));
        word = (word & low) | (word & (low << width)) << ((8 - bits) << step);
    }
    if (bits == 1)
        return ((word ^ EACH) * 0xFE) | EACH; /* 11111111 where the bit is 0 */
    /* The sign goes on: less a half, plus a half; with the eighth bit set nothing is borrowed from the next byte. */
    const uint64_t half = EACH << (bits - 1), top = EACH << 7;
    return (((word ^ half) | top) - half) ^ top;
}

RC_INLINE int pack_eights(const int bits, size_t count, const int8_t *values, uint8_t *data)
{
    uint64_t bad = 0;
    const size_t bytes = (size_t)bits;
    for (; count >= 8; count -= 8, values += 8, data += bytes)
        put_word(data, packed(bits, word_of((const uint8_t *)values, 8), &bad), bytes);
    if (count) { /* what is not there counts as 1, which every number of bits holds, and is not written */
        uint8_t in[8], out[8];
        memset(in, 1, sizeof in);
        memcpy(in, values, count);
        const uint64_t kept = ((uint64_t)1 << count * bytes) - 1;
        put_word(out, packed(bits, word_of(in, 8), &bad) & kept, 8);
        memcpy(data, out, (count * bytes + 7) / 8);
    }
    return bad != 0;
}

RC_INLINE void unpack_eights(const int bits, size_t count, const uint8_t *data, int8_t *values)
{
    const size_t bytes = (size_t)bits;
    for (; count >= 8; count -= 8, values += 8, data += bytes)
        put_word((uint8_t *)values, unpacked(bits, word_of(data, bytes)), 8);
    if (count) {
        uint8_t in[8] = {0}, out[8];
        memcpy(in, data, (count * bytes + 7) / 8);
        put_word(out, unpacked(bits, word_of(in, 8)), 8);
        memcpy(values, out, count);
    }
}

/* Each width has its own loop. */
static int pack_row(int bits, size_t count, const int8_t *values, uint8_t *data)
{
    switch (bits) {
    case 1: return pack_eights(1, count, values, data);
    case 2: return pack_eights(2, count, values, data);
    case 3: return pack_eights(3, count, values, data);
    case 4: return pack_eights(4, count, values, data);
    case 5: return pack_eights(5, count, values, data);
    case 6: return pack_eights(6, count, values, data);
    default: return pack_eights(7, count, values, data);
    }
}

static void unpack_row(int bits, size_t count, const uint8_t *data, int8_t *values)
{
    switch (bits) {
    case 1: unpack_eights(1, count, data, values); break;
    case 2: unpack_eights(2, count, data, values); break;
    case 3: unpack_eights(3, count, data, values); break;
    case 4: unpack_eights(4, count, data, values); break;
    case 5: unpack_eights(5, count, data, values); break;
    case 6: unpack_eights(6, count, data, values); break;
    default: unpack_eights(7, count, data, values);
    }
}

#define TARGET
#define PACK rc_quantize_pack_portable
#define UNPACK rc_quantize_unpack_portable
#include "pack.h"
