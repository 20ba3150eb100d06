/* Where a sequence is cut into blocks, from counts of its units alone. FORMAT.md, "Coder 19", is the norm. */
#ifndef RC_HUFFMAN_BLOCKS_H
#define RC_HUFFMAN_BLOCKS_H
#include "../kernels.h"
#include <string.h>

enum { RC_UNIT = 1 << 16 }; /* symbols */

/* Add the counts of the next unit, which ends behind symbol `end`. */
void rc_huffman_add_unit(const uint64_t *counts, size_t end, struct rc_huffman_cut *cut, int64_t *ends);
#endif
