/* Huffman streams in plain C; lengths.c has the lengths and the codes. FORMAT.md's section on streams is the norm;
 * reference/huffman/stream.py says why a stream can be written backwards.
 *
 * L is the longest length of the code. */
#include "../kernels.h"
#include <string.h>

enum { MAX_LENGTH = 15 };

/* An entry of both tables: a length above a value (symbol or code) of 16 bits. A length of 0 says: no code. */
static inline uint32_t entry_of(uint32_t value, uint32_t length)
{
    return length << 16 | value;
}

/* The inner loops are compiled once for each width of a symbol, and each once with and once without the check of the
 * words' end; the parameters that say which, wide and careful, are constants in every call, and disappear. */

/* The code in the order of the stream, whose first bit is the lowest. */
static uint32_t reversed(uint32_t code, unsigned length)
{
    uint32_t result = 0;
    for (unsigned bit = 0; bit < length; bit++)
        result = result << 1 | (code >> bit & 1);
    return result;
}

/* ---- encoding ---- */

/* Whether a < b, as 1 or 0, for numbers below 2^31. Compilers make of a comparison a setb, which keeps the upper bits
 * of its register: that chains the lanes together through whatever the register held, and the decoder runs at a third
 * of the speed. */
RC_INLINE uint32_t is_less(uint32_t a, uint32_t b)
{
    return (a - b) >> 31;
}

RC_INLINE uint32_t load(int wide, const void *symbols, size_t i)
{
    return wide ? ((const uint16_t *)symbols)[i] : ((const uint8_t *)symbols)[i];
}

RC_INLINE void store(int wide, void *symbols, size_t i, uint32_t symbol)
{
    if (wide)
        ((uint16_t *)symbols)[i] = (uint16_t)symbol;
    else
        ((uint8_t *)symbols)[i] = (uint8_t)symbol;
}

/* How many lanes have a symbol in a step. */
static inline size_t active_lanes(size_t step, size_t lanes, size_t count)
{
    return step * lanes < count ? rc_min(lanes, count - step * lanes) : 0;
}

/* An entry for every value that a symbol's type can hold: so no symbol, whenever it was changed, is outside the
 * table. */
static void fill_encoding_table(size_t alphabet, int wide, const uint8_t *lengths, const uint16_t *codes,
                                uint32_t *table)
{
    const size_t size = wide ? 1 << 16 : 1 << 8;
    memset(table, 0, size * sizeof *table);
    for (size_t i = 0; i < rc_min(alphabet, size); i++) {
        const unsigned length = lengths[i] & MAX_LENGTH;
        table[i] = entry_of(reversed(codes[i], length), length);
    }
}

/* Add up the bits of each lane, and of all. */
RC_INLINE int measure(int wide, size_t begin, size_t end, size_t count, size_t lanes, const void *symbols,
                      const uint32_t *table, struct rc_huffman_lanes *state)
{
    uint64_t total = 0;
    for (size_t step = begin; step < end; step++) {
        const size_t active = active_lanes(step, lanes, count);
        for (size_t lane = 0; lane < active; lane++) {
            const uint32_t length = table[load(wide, symbols, step * lanes + lane)] >> 16;
            if (!length)
                return RC_BAD_INDEX;
            state->held[lane] += length; /* may wrap: only its remainder by 16 matters */
            total += length;
        }
    }
    state->position += total;
    return RC_OK;
}

/* From the bits of each lane to what it holds behind its end, and to the number of words of all lanes. */
static void turn_round(size_t count, size_t lanes, unsigned longest, const void *symbols, int wide,
                       const uint32_t *table, struct rc_huffman_lanes *state)
{
    uint64_t bits = state->position;
    for (size_t back = 1; back <= lanes; back++) { /* over the last symbol of every lane */
        const size_t last = count - back, lane = last % lanes;
        const uint32_t length = table[load(wide, symbols, last)] >> 16;
        const uint32_t held = longest + ((0u - state->held[lane] - longest) & 15);
        state->held[lane] = held;
        state->bits[lane] = 0;
        bits += held + length > longest + 15 ? held - 16 : held; /* the padding: a word beyond the end is not written */
    }
    state->position = bits / 16;
}

/* One step of the encoder, from the highest lane to the lowest; returns how many words are still to be written, or, if
 * there are more words than were counted, SIZE_MAX. */
RC_INLINE size_t encode_step(int wide, int careful, size_t active, size_t later, uint32_t longest, const void *symbols,
                             size_t first, const uint32_t *table, uint32_t *restrict bits, uint32_t *restrict held,
                             uint16_t *restrict words, size_t position)
{
    for (size_t lane = active; lane-- > 0;) {
        const uint32_t entry = table[load(wide, symbols, first + lane)], length = entry >> 16;
        /* Whether the decoder took a word after this symbol; then 16 bits are held, as length is at most L. */
        const uint32_t took = is_less(longest + 15, held[lane] + length);
        const uint16_t word = (uint16_t)(bits[lane] >> ((held[lane] - 16) & 31));
        if (!careful) {
            /* Written in any case, and kept if it was taken: a branch would be guessed wrong every other time. */
            words[position - 1] = word;
            position -= took;
        } else if (took && lane < later) {
            if (!position)
                return SIZE_MAX;
            words[--position] = word;
        }
        /* What lies above the bits held was written before, and is cut off when a word is. */
        bits[lane] = bits[lane] << (length & 31) | (entry & 0xffff);
        held[lane] += length - 16 * took;
    }
    return position;
}

RC_INLINE int encode(int wide, size_t begin, size_t end, size_t count, size_t lanes, uint32_t longest,
                     const void *symbols, const uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words)
{
    size_t position = (size_t)state->position;
    for (size_t step = end; step-- > begin;) {
        const size_t active = active_lanes(step, lanes, count), later = active_lanes(step + 1, lanes, count);
        if (later == lanes && position >= lanes)
            position = encode_step(wide, 0, lanes, lanes, longest, symbols, step * lanes, table, state->bits,
                                   state->held, words, position);
        else
            position = encode_step(wide, 1, active, later, longest, symbols, step * lanes, table, state->bits,
                                   state->held, words, position);
        if (position == SIZE_MAX)
            return RC_BAD_INDEX;
    }
    state->position = position;
    if (begin > 0)
        return RC_OK;
    if (position != lanes) /* every lane begins with a word, and nothing else is left */
        return RC_BAD_INDEX;
    for (size_t lane = 0; lane < lanes; lane++) {
        words[lane] = (uint16_t)state->bits[lane];
        if (state->held[lane] != 16)
            return RC_BAD_INDEX;
    }
    return RC_OK;
}

int rc_huffman_encode_portable(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                               const uint8_t *lengths, const uint16_t *codes, unsigned longest, int wide,
                               const void *symbols, uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words)
{
    if (words)
        return wide ? encode(1, begin, end, count, lanes, longest, symbols, table, state, words)
                    : encode(0, begin, end, count, lanes, longest, symbols, table, state, words);
    if (begin == 0) {
        fill_encoding_table(alphabet, wide, lengths, codes, table);
        memset(state, 0, sizeof *state);
    }
    const int status = wide ? measure(1, begin, end, count, lanes, symbols, table, state)
                            : measure(0, begin, end, count, lanes, symbols, table, state);
    if (status == RC_OK && end * lanes >= count)
        turn_round(count, lanes, longest, symbols, wide, table, state);
    return status;
}

/* ---- decoding ---- */

/* For each pattern of L bits, symbol and length of the code that it begins with. A lone symbol leaves one pattern
 * without a code; its length is 0, so the lane stays where it is, and the bit of 1 is still there at the end. */
static void fill_decoding_table(size_t alphabet, const uint8_t *lengths, const uint16_t *codes, unsigned longest,
                                uint32_t *table)
{
    const size_t size = (size_t)1 << longest;
    memset(table, 0, size * sizeof *table);
    for (size_t i = 0; i < alphabet; i++) {
        const unsigned length = lengths[i] & MAX_LENGTH;
        if (length)
            for (size_t pattern = reversed(codes[i], length); pattern < size; pattern += (size_t)1 << length)
                table[pattern] = entry_of((uint32_t)i, length);
    }
}

/* One step of the decoder; returns how many words were taken so far, or SIZE_MAX if they ran out. */
RC_INLINE size_t decode_step(int wide, int careful, size_t active, uint32_t longest, const uint32_t *restrict table,
                             uint32_t *restrict bits, uint32_t *restrict held, const uint16_t *restrict words,
                             size_t n_words, size_t position, void *restrict symbols, size_t first)
{
    const uint32_t mask = (1u << longest) - 1;
    for (size_t lane = 0; lane < active; lane++) {
        uint32_t queue = bits[lane];
        const uint32_t takes = is_less(held[lane], longest);
        if (!careful) {
            /* Read in any case, and used if it is taken: a branch would be guessed wrong every other time. */
            queue |= (words[position] & (0u - takes)) << (held[lane] & 31);
            position += takes;
        } else if (takes) {
            if (position == n_words)
                return SIZE_MAX;
            queue |= (uint32_t)words[position++] << (held[lane] & 31);
        }
        const uint32_t entry = table[queue & mask], length = entry >> 16;
        store(wide, symbols, first + lane, entry);
        bits[lane] = queue >> (length & 31);
        held[lane] += 16 * takes - length;
    }
    return position;
}

RC_INLINE int decode(int wide, size_t begin, size_t end, size_t count, size_t lanes, uint32_t longest,
                     const uint32_t *table, size_t n_words, const uint16_t *words, struct rc_huffman_lanes *state,
                     void *symbols)
{
    size_t position = (size_t)state->position;
    for (size_t step = begin; step < end; step++) {
        const size_t active = active_lanes(step, lanes, count);
        if (n_words - position >= active) /* a step takes at most one word a lane */
            position = decode_step(wide, 0, active, longest, table, state->bits, state->held, words, n_words, position,
                                   symbols, step * lanes);
        else
            position = decode_step(wide, 1, active, longest, table, state->bits, state->held, words, n_words, position,
                                   symbols, step * lanes);
        if (position == SIZE_MAX)
            return RC_CORRUPT;
    }
    state->position = position;
    if (end * lanes < count)
        return RC_OK;
    uint32_t left = 0;
    for (size_t lane = 0; lane < lanes; lane++)
        left |= state->bits[lane];
    return position == n_words && !left ? RC_OK : RC_CORRUPT;
}

int rc_huffman_decode_portable(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                               const uint8_t *lengths, const uint16_t *codes, unsigned longest, size_t n_words,
                               const uint16_t *words, uint32_t *table, struct rc_huffman_lanes *state, int wide,
                               void *symbols)
{
    if (begin == 0) {
        fill_decoding_table(alphabet, lengths, codes, longest, table);
        memset(state, 0, sizeof *state);
    }
    return wide ? decode(1, begin, end, count, lanes, longest, table, n_words, words, state, symbols)
                : decode(0, begin, end, count, lanes, longest, table, n_words, words, state, symbols);
}
