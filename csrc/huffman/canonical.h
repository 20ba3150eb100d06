/* What the decoders with vectors share: a canonical code by its lengths. Codes of
 * one length are neighbours, and so are their symbols in the order of (length, symbol): a length, its first code and
 * the number of symbols before it are all that a decoder needs. */
#ifndef REFCOMPRESS_HUFFMAN_CANONICAL_H
#define REFCOMPRESS_HUFFMAN_CANONICAL_H
#include "../kernels.h"
#include <string.h>

enum { RC_MAX_LENGTH = 15, RC_MAX_ALPHABET = 1 << RC_MAX_LENGTH };

struct canonical {
    uint32_t first[RC_MAX_LENGTH + 2];    /* the first code of each length */
    uint32_t number[RC_MAX_LENGTH + 2];   /* the symbols of each length */
    uint32_t before[RC_MAX_LENGTH + 2];   /* the symbols of all shorter lengths */
    uint16_t order[RC_MAX_ALPHABET];
};

/* 16 bits, the last one first. */
RC_INLINE uint32_t turned_round(uint32_t bits)
{
    bits = (bits >> 8 & 0x00ff) | (bits & 0x00ff) << 8;
    bits = (bits >> 4 & 0x0f0f) | (bits & 0x0f0f) << 4;
    bits = (bits >> 2 & 0x3333) | (bits & 0x3333) << 2;
    return (bits >> 1 & 0x5555) | (bits & 0x5555) << 1;
}

static inline void fill_canonical(struct canonical *c, size_t alphabet, const uint8_t *lengths)
{
    memset(c, 0, offsetof(struct canonical, order));
    for (size_t i = 0; i < alphabet; i++)
        c->number[lengths[i] & RC_MAX_LENGTH]++;
    c->number[0] = 0;
    uint32_t next[RC_MAX_LENGTH + 2] = {0};
    for (unsigned length = 1; length <= RC_MAX_LENGTH + 1; length++) {
        c->first[length] = 2 * (c->first[length - 1] + c->number[length - 1]);
        c->before[length] = next[length] = c->before[length - 1] + c->number[length - 1];
    }
    for (size_t i = 0; i < alphabet; i++) {
        const unsigned length = lengths[i] & RC_MAX_LENGTH;
        if (length) /* another thread may write the lengths after they were counted */
            c->order[next[length]++ & (RC_MAX_ALPHABET - 1)] = (uint16_t)i;
    }
}

/* The code of at least so many bits that 16 bits begin with, the first one highest: the place of its symbol in `order`,
 * plus 2^16 times its length. If there is none, its length is 0. */
static inline uint32_t long_code(const struct canonical *c, unsigned least, uint32_t front)
{
    for (unsigned length = least; length <= RC_MAX_LENGTH; length++) {
        const uint32_t place = (front >> (16 - length)) - c->first[length];
        if (place < c->number[length])
            return ((c->before[length] + place) & (RC_MAX_ALPHABET - 1)) | length << 16;
    }
    return 0;
}
#endif
