/* Huffman codes and streams in plain C. FORMAT.md's section on streams is the norm; reference/huffman/lengths.py says
 * why the lengths are optimal and reference/huffman/stream.py why a stream can be written backwards.
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

/* ---- lengths ---- */

/* Whether symbol a comes after b: the rarest first, of equal counts the higher symbol. */
static inline int after(const uint64_t *weights, uint16_t a, uint16_t b)
{
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
}

/* Move order[root] down until no child comes after it: one step of heapsort, which needs no memory. */
static void sift(const uint64_t *weights, uint16_t *order, size_t root, size_t n)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && after(weights, order[child + 1], order[child]))
            child++;
        if (!after(weights, order[child], order[root]))
            return;
        const uint16_t swap = order[root];
        order[root] = order[child];
        order[child] = swap;
    }
}

/* Heapsort: the symbols in `order` by their weights, the rarest first. */
static void sort(const uint64_t *weights, uint16_t *order, size_t n)
{
    for (size_t root = n / 2; root-- > 0;)
        sift(weights, order, root, n);
    for (size_t last = n; --last > 0;) {
        const uint16_t swap = order[0];
        order[0] = order[last];
        order[last] = swap;
        sift(weights, order, 0, last);
    }
}

/* The same by the bytes of the weights, the lowest first, if all are below 2^48: a key is a weight above what is left of
 * the symbol. keys, others : n entries each. Returns whether they were. */
static int sort_by_bytes(const uint64_t *weights, uint16_t *order, size_t n, uint64_t *keys, uint64_t *others)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) {
        const uint16_t symbol = order[n - 1 - i]; /* the higher first */
        all |= weights[symbol];
        keys[i] = weights[symbol] << 16 | symbol;
    }
    if (all >> 48)
        return 0;
    for (unsigned shift = 16; all >> (shift - 16); shift += 8) {
        size_t places[256] = {0}, place = 0;
        for (size_t i = 0; i < n; i++)
            places[keys[i] >> shift & 0xff]++;
        for (size_t i = 0; i < 256; i++) {
            const size_t count = places[i];
            places[i] = place;
            place += count;
        }
        for (size_t i = 0; i < n; i++)
            others[places[keys[i] >> shift & 0xff]++] = keys[i];
        uint64_t *const swap = keys;
        keys = others;
        others = swap;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (uint16_t)keys[i];
    return 1;
}

/* The depths of the leaves of Huffman's tree in place of their weights, two or more in rising order; returns the greatest.
 * Packages are made in rising order too, so each takes the room of a leaf that is gone: first its weight, then the number
 * of the package that it is in, then its depth (Moffat and Katajainen, In-Place Calculation of Minimum-Redundancy Codes,
 * 1995). Of equal weights a leaf comes before a package; so depths fall in the order of the leaves. */
static uint64_t depths(uint64_t *a, size_t n)
{
    size_t leaf = 0, package = 0;
    for (size_t made = 0; made < n - 1; made++) {
        uint64_t sum = 0;
        for (int two = 0; two < 2; two++) {
            if (leaf == n || (package < made && a[package] < a[leaf])) {
                sum += a[package];
                a[package++] = made;
            } else {
                sum += a[leaf++];
            }
        }
        a[made] = sum;
    }
    a[n - 2] = 0; /* the root */
    for (size_t i = n - 2; i-- > 0;)
        a[i] = a[a[i]] + 1;
    size_t next = n, there = 1, inner = n - 1; /* of this depth; packages that are left */
    for (uint64_t depth = 0; there; depth++) {
        size_t used = 0;
        for (; inner && a[inner - 1] == depth; inner--)
            used++;
        for (size_t leaves = there - used; leaves; leaves--)
            a[--next] = depth;
        there = 2 * used;
    }
    return a[0];
}

/* Merge the n leaves with the packages of the row below, a leaf first where weights are equal, into a row of items, and
 * pack each two items; returns how many packages that gives. A row is remembered by its items' kinds alone (1: a leaf).
 *
 * No leaf exceeds INT64_MAX, and packages are only ever compared with leaves, so a package of more can be cut to that:
 * it still comes after every leaf. Two such do not overflow 64 bits. */
static size_t merge(const uint64_t *weights, const uint16_t *order, size_t n, const uint64_t *below, size_t n_below,
                    uint8_t *row, uint64_t *packages)
{
    size_t leaf = 0, package = 0;
    uint64_t left = 0; /* the first item of a pair */
    for (size_t item = 0; item < n + n_below; item++) {
        const int is_leaf = package == n_below || (leaf < n && weights[order[leaf]] <= below[package]);
        const uint64_t weight = is_leaf ? weights[order[leaf++]] : below[package++];
        row[item] = (uint8_t)is_leaf;
        if (item % 2)
            packages[item / 2] = left + weight < INT64_MAX ? left + weight : INT64_MAX;
        left = weight;
    }
    return (n + n_below) / 2;
}

int rc_huffman_lengths_portable(size_t alphabet, unsigned limit, const uint64_t *counts, uint64_t *weights,
                                uint16_t *order, uint8_t *kinds, uint8_t *lengths)
{
    uint64_t *packages = weights + alphabet, *below = packages + alphabet;
    size_t n = 0;
    for (size_t i = 0; i < alphabet; i++) {
        weights[i] = counts[i]; /* copied: another thread may write the counts while they are sorted */
        lengths[i] = 0;
        if (weights[i])
            order[n++] = (uint16_t)i;
    }
    if (n == 1)
        lengths[order[0]] = 1;
    if (n < 2)
        return RC_OK;
    if (n > (size_t)1 << limit)
        return RC_BAD_INDEX;
    if (!sort_by_bytes(weights, order, n, packages, below))
        sort(weights, order, n);

    /* The tree is all that is needed where it is no deeper than the limit (reference/huffman/lengths.py says why). */
    for (size_t i = 0; i < n; i++)
        packages[i] = weights[order[i]];
    if (depths(packages, n) <= limit) {
        for (size_t i = 0; i < n; i++)
            lengths[order[i]] = (uint8_t)packages[i];
        return RC_OK;
    }

    /* One row a level, the deepest first. */
    size_t n_below = 0;
    for (unsigned level = 0; level < limit; level++) {
        n_below = merge(weights, order, n, below, n_below, kinds + level * 2 * alphabet, packages);
        uint64_t *const swap = packages;
        packages = below;
        below = swap;
    }

    /* Take the first 2n - 2 items of the top row, and from each row below the items of which the packages taken are
     * made. */
    size_t taken = 2 * n - 2;
    for (unsigned level = limit; level-- > 0;) {
        const uint8_t *row = kinds + level * 2 * alphabet;
        size_t leaves = 0;
        for (size_t item = 0; item < taken; item++)
            leaves += row[item];
        for (size_t leaf = 0; leaf < leaves; leaf++)
            lengths[order[leaf]]++;
        taken = 2 * (taken - leaves);
    }
    return RC_OK;
}

/* ---- code ---- */

int rc_huffman_code_portable(size_t alphabet, const uint8_t *lengths, uint16_t *codes)
{
    uint32_t next[MAX_LENGTH + 1] = {0}, number[MAX_LENGTH + 1] = {0};
    for (size_t i = 0; i < alphabet; i++)
        number[lengths[i] & MAX_LENGTH]++;
    number[0] = 0;
    for (unsigned length = 1; length <= MAX_LENGTH; length++)
        next[length] = 2 * (next[length - 1] + number[length - 1]);
    for (size_t i = 0; i < alphabet; i++)
        codes[i] = lengths[i] ? (uint16_t)next[lengths[i] & MAX_LENGTH]++ : 0;
    return RC_OK;
}

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
