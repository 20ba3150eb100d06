/* The tables of a decoder that looks up in registers, at most 256 bytes each, by the first bits of a queue.
 *
 * Codes of at most FIRST bits are found by these. Where the first FIRST bits begin longer codes, `pointer` says which
 * run of the second tables has these, 2^d entries by the next d bits. A run begins at a multiple of its size, so one
 * byte says both: begin + 2^(d - 1). Its lowest bit that is set tells d. Entry 0 of the second tables is 0, and what is
 * found in the first has pointer 0: so both are looked up for all, and the results are added up.
 *
 * Runs are cut to what fits. A code that is longer still is marked with FAR, and looked for by its length. */
#ifndef REFCOMPRESS_HUFFMAN_REGISTERS_H
#define REFCOMPRESS_HUFFMAN_REGISTERS_H
#include "canonical.h"

enum { FIRST = 7, FIRST_SIZE = 1 << FIRST, SECOND_SIZE = 256, MOST_BITS = 7, FAR = 128 };

/* How a queue becomes a symbol and a length: by the first tables; by its first 8 bits, from the second tables alone; by
 * both; or from a table in memory. */
enum way { BY_7_BITS, BY_8_BITS, BY_BOTH, IN_MEMORY };

/* Of all patterns, one of so many may begin with a code that is FAR: a lane of 64 then has one in every step, which
 * takes as long as looking all of them up in memory. */
enum { RARE = 64 };

struct registers {
    uint8_t symbol[FIRST_SIZE], length[FIRST_SIZE], pointer[FIRST_SIZE];
    uint8_t second_symbol[SECOND_SIZE], second_length[SECOND_SIZE];
    struct canonical code;
    unsigned least; /* the length of the shortest code that is FAR */
} __attribute__((aligned(64)));

RC_INLINE void fill_by_pattern(uint8_t *symbols, uint8_t *lengths, size_t size, size_t pattern, size_t symbol,
                               size_t length, size_t step)
{
    for (; pattern < size; pattern += step) {
        symbols[pattern] = (uint8_t)symbol;
        lengths[pattern] = (uint8_t)length;
    }
}

/* How many bits the run of a pattern has whose longest code has so many. */
RC_INLINE unsigned run_bits(unsigned longest, unsigned most)
{
    return longest > FIRST ? (unsigned)rc_min(longest - FIRST, most) : 0;
}

static inline enum way fill_registers(struct registers *r, size_t alphabet, const uint8_t *lengths,
                                      const uint16_t *codes, unsigned longest)
{
    memset(r, 0, offsetof(struct registers, code));
    fill_canonical(&r->code, alphabet, lengths);
    uint8_t longest_of[FIRST_SIZE] = {0}; /* of the codes that a pattern of FIRST bits begins */
    for (size_t i = 0; i < alphabet; i++) {
        const unsigned length = lengths[i] & RC_MAX_LENGTH;
        if (!length)
            continue;
        const uint32_t front = turned_round(codes[i]) >> (16 - length), first = front & (FIRST_SIZE - 1);
        if (longest == 8)
            fill_by_pattern(r->second_symbol, r->second_length, SECOND_SIZE, front, i, length, (size_t)1 << length);
        else if (length <= FIRST)
            fill_by_pattern(r->symbol, r->length, FIRST_SIZE, front, i, length, (size_t)1 << length);
        else if (longest_of[first] < length)
            longest_of[first] = (uint8_t)length;
    }
    if (longest <= 8)
        return longest == 8 ? BY_8_BITS : BY_7_BITS;

    unsigned most = MOST_BITS + 1;
    size_t total = SECOND_SIZE;
    while (total >= SECOND_SIZE && --most) {
        total = 0;
        for (size_t p = 0; p < FIRST_SIZE; p++)
            total += longest_of[p] ? (size_t)1 << run_bits(longest_of[p], most) : 0;
    }
    uint32_t far = 0; /* patterns of 16 bits */
    for (unsigned length = FIRST + most + 1; length <= longest; length++)
        far += r->code.number[length] << (16 - length);
    if (far > (1 << 16) / RARE || !most)
        return IN_MEMORY;
    r->least = FIRST + most + 1;

    size_t begin = SECOND_SIZE; /* the longest run first, from the end: each then begins at a multiple of its size */
    for (unsigned bits = most; bits > 0; bits--)
        for (size_t p = 0; p < FIRST_SIZE; p++)
            if (run_bits(longest_of[p], most) == bits) {
                begin -= (size_t)1 << bits;
                r->pointer[p] = (uint8_t)(begin | (size_t)1 << (bits - 1));
                memset(r->second_length + begin, FAR, (size_t)1 << bits);
            }
    for (size_t i = 0; i < alphabet; i++) {
        const unsigned length = lengths[i] & RC_MAX_LENGTH;
        if (length <= FIRST || length >= r->least)
            continue;
        const uint32_t front = turned_round(codes[i]) >> (16 - length);
        const uint8_t pointer = r->pointer[front & (FIRST_SIZE - 1)];
        if (!pointer) /* another thread wrote the lengths meanwhile */
            continue;
        const size_t run = pointer & (pointer - 1u), size = (pointer ^ (pointer - 1u)) + 1u;
        fill_by_pattern(r->second_symbol + run, r->second_length + run, size, front >> FIRST, i, length,
                        (size_t)1 << (length - FIRST));
    }
    return BY_BOTH;
}
#endif
