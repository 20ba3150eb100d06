/* Template of quantize_pack and quantize_unpack. Included after these were defined:
 *
 * PACK, UNPACK         the functions' names
 * TARGET               their instruction set, or nothing
 * pack_row(bits, count, values, data)      returns whether some value does not fit
 * unpack_row(bits, count, data, values)    of count values that begin with a byte, and that byte
 *
 * Eight values take `bits` bytes, so they begin and end with a byte: a range is of eights, of which a row may end with
 * one that is shorter. Where rows end with whole eights all of them are one row.
 */
#ifndef REFCOMPRESS_PACK_H
#define REFCOMPRESS_PACK_H
#include "../kernels.h"
#include <string.h>

/* What of a row lies in the range of eights from `begin` on: where its first value and byte are, and how many
 * values. */
struct part {
    size_t value, byte, count, eights;
};

static inline struct part part_at(size_t begin, size_t end, size_t size, size_t bits)
{
    if (size % 8 == 0)
        return (struct part){8 * begin, bits * begin, 8 * (end - begin), end - begin};
    const size_t eights = size / 8 + 1, row = begin / eights, first = begin % eights;
    const size_t own = rc_min(eights - first, end - begin), bytes = (size * bits + 7) / 8;
    return (struct part){row * size + 8 * first, row * bytes + bits * first, rc_min(8 * own, size - 8 * first), own};
}
#endif

TARGET int PACK(size_t begin, size_t end, size_t size, int bits, const int8_t *values, uint8_t *data)
{
    int bad = 0;
    while (begin < end) {
        const struct part part = part_at(begin, end, size, (size_t)bits);
        bad |= pack_row(bits, part.count, values + part.value, data + part.byte);
        begin += part.eights;
    }
    return bad ? RC_BAD_VALUE : RC_OK;
}

TARGET int UNPACK(size_t begin, size_t end, size_t size, int bits, const uint8_t *data, int8_t *values)
{
    while (begin < end) {
        const struct part part = part_at(begin, end, size, (size_t)bits);
        unpack_row(bits, part.count, data + part.byte, values + part.value);
        begin += part.eights;
    }
    return RC_OK;
}
