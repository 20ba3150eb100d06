/* What a stream is written by: which coder takes the fewest bytes (FORMAT.md, "Streams"). Included by coded.h, whose
 * name HUFFMAN_ENCODE it takes. */
#include "../huffman/blocks.h"
#include "bytes.h"

enum { HUFFMAN = 17, BLOCKS = 19, BYTE = 8, PLANES = 8, MOST_LENGTH = 15, UNITS = 4 };

/* What a stream is written by. size : its bytes, the coder's own included. longest, words : of a Huffman code */
struct choice {
    unsigned coder, longest;
    size_t alphabet, words, size;
};

/* Whether no code takes fewer bytes than `size`, for all that a code has around its words. No code takes fewer bits
 * than the entropy, and that is at least log2(count^2 / squares) bits a symbol, squares being the sum of those of all
 * counts. For a plane of chance this is close enough, and it takes no logarithm. */
static int cannot_shrink(size_t count, unsigned width, size_t around, size_t size, uint64_t squares)
{
    /* Bits a symbol by which the entropy would have to be below the width. For x from 0 to 1, 2^-x <= 1 - x / 2. */
    const double n = (double)count, below = width - 8 * ((double)size - (double)around) / n;
    return below > 0 && below < 1 && n * n >= (double)squares * (double)(1u << width) * (1 - below / 2);
}

/* The lanes of a Huffman stream. */
static size_t lanes_of(size_t count)
{
    size_t lanes = 1;
    while (lanes < 64 && lanes * 2 <= count / 1024)
        lanes *= 2;
    return lanes;
}

/* Add the counts of each unit of the symbols. */
static void count_units(size_t count, const uint8_t *symbols, uint64_t (*counts)[256])
{
    for (size_t begin = 0; begin < count; begin += RC_UNIT)
        rc_huffman_counts_portable(begin, rc_min(begin + RC_UNIT, count), 0, symbols, *counts++);
}

/* Cut a sequence whose units were counted into blocks, and add up the counts of all its symbols; returns the number of
 * blocks, whose ends are in `ends`. */
static size_t cut(size_t count, int blocks, struct rc_planes_work *work, int64_t *ends)
{
    struct rc_huffman_cut open = {.blocks = 0};
    memset(work->counts[0], 0, sizeof work->counts[0]);
    for (size_t unit = 0, begin = 0; begin < count; unit++, begin += RC_UNIT) {
        if (blocks && count > RC_UNIT)
            rc_huffman_add_unit(work->counts[1 + unit], rc_min(begin + RC_UNIT, count), &open, ends);
        for (size_t i = 0; i < 256; i++)
            work->counts[0][i] += work->counts[1 + unit][i];
    }
    return open.blocks ? open.blocks : 1;
}

/* The counts of the block from symbol begin to end: in those of its first unit, to which the others are added. */
static uint64_t *counts_of_block(size_t begin, size_t end, struct rc_planes_work *work)
{
    uint64_t *counts = work->counts[1 + begin / RC_UNIT];
    for (size_t unit = 1 + begin / RC_UNIT; unit * RC_UNIT < end; unit++)
        for (size_t i = 0; i < 256; i++)
            counts[i] += work->counts[1 + unit][i];
    return counts;
}

/* Choose what a stream without blocks is written by. known : a code that may be the one, with its words, or NULL */
static int choose(size_t count, const uint64_t *counts, const uint8_t *symbols, const struct choice *known,
                  const uint8_t *known_lengths, struct rc_planes_work *work, struct choice *made)
{
    uint64_t squares = 0;
    size_t highest = 0;
    const size_t lanes = lanes_of(count);
    for (size_t i = 0; i < 256; i++) {
        squares += counts[i] * counts[i];
        if (counts[i])
            highest = i;
    }
    const size_t alphabet = highest + 1, table = (alphabet + 1) / 2;
    unsigned width = 0;
    while (highest >> width)
        width++;
    *made = (struct choice){.coder = width, .alphabet = alphabet, .size = 1 + (count * width + 7) / 8};
    if (5 + table >= made->size || cannot_shrink(count, width, 3 + table, made->size, squares))
        return RC_OK;
    int status = rc_huffman_lengths_portable(alphabet, MOST_LENGTH, counts, work->weights, work->order, work->kinds,
                                             work->lengths);
    if (status != RC_OK)
        return status;
    size_t words;
    if (known && known->alphabet == alphabet && !memcmp(known_lengths, work->lengths, alphabet)) {
        words = known->words;
    } else {
        rc_huffman_code_portable(alphabet, work->lengths, work->codes);
        for (size_t i = 0; i < alphabet; i++)
            if (work->lengths[i] > made->longest)
                made->longest = work->lengths[i];
        status = HUFFMAN_ENCODE(0, (count + lanes - 1) / lanes, count, lanes, alphabet, work->lengths, work->codes,
                                made->longest, 0, symbols, work->table, &work->lanes, NULL);
        if (status != RC_OK)
            return status;
        words = (size_t)work->lanes.position;
    }
    const size_t size = 1 + integer_size(alphabet) + table + integer_size(words) + 2 * words;
    if (size < made->size) {
        made->coder = HUFFMAN;
        made->words = words;
        made->size = size;
    }
    return RC_OK;
}
