/* Where a sequence is cut into blocks, from counts of its units alone. FORMAT.md, "Coder 19", is the norm. */
#ifndef RC_HUFFMAN_BLOCKS_H
#define RC_HUFFMAN_BLOCKS_H
#include "../kernels.h"
#include <string.h>

enum { RC_UNIT = 1 << 16 }; /* symbols */

/* Add the counts of the next unit, which ends behind symbol `end`. */
void rc_huffman_add_unit(const uint64_t *counts, size_t end, struct rc_huffman_cut *cut, int64_t *ends);

/* All symbols of a stream of bytes, and how often each of them occurs in each unit, added to counts. */
typedef int rc_huffman_decode_counted(size_t count, size_t lanes, size_t alphabet, const uint8_t *lengths,
                                      const uint16_t *codes, unsigned longest, size_t n_words, const uint16_t *words,
                                      uint32_t *table, struct rc_huffman_lanes *state, uint8_t *symbols,
                                      uint64_t (*counts)[256]);
rc_huffman_decode_counted rc_huffman_avx512_counted;
#endif
