/* The kernels of huffman, as Python sees them: a part of refcompress.h. */
/* The Huffman family is one chain of steps (a step is a symbol of every lane), so its ranges are not for threads: they
 * are gone through in order, one after the other, so that Python can look after signals between them. */

/* Add to counts (65536 if wide, else 256) how often each symbol from begin to end occurs: uint16_t if wide, else
 * uint8_t. */
typedef int rc_huffman_counts(size_t begin, size_t end, int wide, const void *symbols, uint64_t *counts);

/* The block that is open, when a sequence is cut into blocks: how often each symbol occurs in it and the bits that it
 * takes, about, in units of 1 / 65536; and how many blocks there are, this one included. Zeros at first. */
struct rc_huffman_cut {
    uint64_t counts[256], bits;
    size_t blocks;
};

/* Join the units of 2^16 symbols from begin to end to the block before them, or begin a block with them: ends has the
 * end of each block in symbols. Ranges in rising order. count : all symbols, below 2^40 */
typedef int rc_huffman_blocks(size_t begin, size_t end, size_t count, const uint8_t *symbols,
                              struct rc_huffman_cut *cut, int64_t *ends);

/* The same in two steps, for who wants the counts too: how often each symbol occurs in each of the units from begin to
 * end, by a kernel; and the blocks of these counts. counts : those of all units. A status as a kernel's. */
int rc_huffman_count_units(rc_huffman_counts *kernel, size_t begin, size_t end, size_t count, const uint8_t *symbols,
                           uint32_t *counts);
int rc_huffman_cut_units(size_t begin, size_t end, size_t count, const uint32_t *counts, struct rc_huffman_cut *cut,
                         int64_t *ends);

/* Optimal lengths of at most limit bits, at most 2^limit of the counts not 0, their sum below 2^63.
 * Workspace: weights, 3 * alphabet; order, alphabet; kinds, 2 * alphabet * limit. */
typedef int rc_huffman_lengths(size_t alphabet, unsigned limit, const uint64_t *counts, uint64_t *weights,
                               uint16_t *order, uint8_t *kinds, uint8_t *lengths);

/* The canonical codes of these lengths, each at most 15. */
typedef int rc_huffman_code(size_t alphabet, const uint8_t *lengths, uint16_t *codes);

/* What goes from one range of steps to the next. */
struct rc_huffman_lanes {
    uint32_t bits[64];  /* the bits that each lane holds, the next one lowest */
    uint32_t held[64];  /* how many they are */
    uint64_t position;  /* decoding: words taken; encoding: words still to be written */
};

/* Symbols (uint16_t if wide, else uint8_t) to words, in two passes over ranges of steps that cover all of them.
 * First with words NULL, ranges in rising order: fills the table, finds a symbol without a code (RC_BAD_INDEX), and
 * leaves in state->position the number of words. Then with so many words, ranges in falling order: writes them, the
 * last first. Workspace: table, 65536 entries if wide, else 256; state. */
typedef int rc_huffman_encode(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                              const uint8_t *lengths, const uint16_t *codes, unsigned longest, int wide,
                              const void *symbols, uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words);

/* Words to symbols (uint16_t if wide, else uint8_t), ranges of steps in rising order; the first one fills the table.
 * Workspace: table, 2^longest entries; state. */
typedef int rc_huffman_decode(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                              const uint8_t *lengths, const uint16_t *codes, unsigned longest, size_t n_words,
                              const uint16_t *words, uint32_t *table, struct rc_huffman_lanes *state, int wide,
                              void *symbols);
