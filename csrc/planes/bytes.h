/* The bytes of a stream around its words (FORMAT.md, "Streams"): integers, words, and symbols of a few bits. */
#ifndef RC_PLANES_BYTES_H
#define RC_PLANES_BYTES_H
#include "../kernels.h"
#include <string.h>

/* A position in bytes that are read. at is NULL once a rule was broken. */
struct bytes_left {
    const uint8_t *at, *end;
};

static size_t integer_size(size_t value)
{
    size_t size = 1;
    while (value >>= 7)
        size++;
    return size;
}

static uint8_t *put_integer(uint8_t *to, size_t value)
{
    for (; value > 127; value >>= 7)
        *to++ = (uint8_t)(value | 128);
    *to++ = (uint8_t)value;
    return to;
}

static const uint8_t *take(struct bytes_left *left, size_t count)
{
    const uint8_t *at = left->at;
    if (!at || count > (size_t)(left->end - at))
        return left->at = NULL;
    left->at = at + count;
    return at;
}

static size_t take_integer(struct bytes_left *left)
{
    size_t value = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        const uint8_t *byte = take(left, 1);
        if (!byte)
            return 0;
        value |= (size_t)(*byte & 127) << shift;
        if (*byte < 128) {
            if (!*byte && shift) /* a byte that it does not need */
                left->at = NULL;
            return value;
        }
    }
    left->at = NULL;
    return 0;
}

/* Words as bytes, the lower byte first, and back. A loop of single bytes took a third of the time of decoding. */
static void put_words(size_t count, const uint16_t *words, uint8_t *to)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(to, words, 2 * count);
#else
    for (size_t i = 0; i < count; i++) {
        to[2 * i] = (uint8_t)words[i];
        to[2 * i + 1] = (uint8_t)(words[i] >> 8);
    }
#endif
}

static void take_words(size_t count, const uint8_t *from, uint16_t *words)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(words, from, 2 * count);
#else
    for (size_t i = 0; i < count; i++)
        words[i] = (uint16_t)(from[2 * i] | from[2 * i + 1] << 8);
#endif
}

/* Eight symbols of `width` bits take so many bytes. What is beyond the count is read as 0. */
static void pack(size_t count, unsigned width, const uint8_t *symbols, uint8_t *to)
{
    for (size_t i = 0; i < count; i += 8) {
        const size_t here = rc_min(8, count - i);
        uint64_t together = 0;
        for (size_t j = 0; j < here; j++)
            together |= (uint64_t)(symbols[i + j] & ((1u << width) - 1)) << j * width;
        for (size_t bits = 0; bits < here * width; bits += 8)
            *to++ = (uint8_t)(together >> bits);
    }
}

/* Returns whether the bits beyond the last symbol are 0. */
static int unpack(size_t count, unsigned width, const uint8_t *from, uint8_t *symbols)
{
    uint64_t together = 0;
    for (size_t i = 0; i < count; i += 8) {
        const size_t here = rc_min(8, count - i);
        together = 0;
        for (size_t bits = 0; bits < here * width; bits += 8)
            together |= (uint64_t)*from++ << bits;
        for (size_t j = 0; j < here; j++, together >>= width)
            symbols[i + j] = (uint8_t)(together & ((1u << width) - 1));
    }
    return !together;
}
#endif
