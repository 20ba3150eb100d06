/* Counts of symbols. Symbols that are equal and near would wait for each other in one table, so neighbours have tables
 * of their own. */
#include "../kernels.h"
#include <string.h>

enum { TABLES = 4 };

int rc_huffman_counts_portable(size_t begin, size_t end, int wide, const void *symbols, uint64_t *counts)
{
    if (wide) { /* of as many values there are seldom two that are equal and near */
        for (const uint16_t *words = symbols; begin < end; begin++)
            counts[words[begin]]++;
        return RC_OK;
    }
    const uint8_t *bytes = symbols;
    while (end - begin >= 8) {
        uint32_t tables[TABLES][256] = {{0}};
        const size_t stop = begin + rc_min((end - begin) / 8, 1 << 28) * 8; /* no table is counted up to 2^32 */
        for (; begin < stop; begin += 8) {
            uint64_t eight;
            memcpy(&eight, bytes + begin, sizeof eight); /* one load: a load for each symbol would take twice as long */
            RC_UNROLL for (unsigned i = 0; i < 8; i++)
                tables[i % TABLES][eight >> 8 * i & 0xff]++;
        }
        for (size_t symbol = 0; symbol < 256; symbol++)
            for (size_t i = 0; i < TABLES; i++)
                counts[symbol] += tables[i][symbol];
    }
    for (; begin < end; begin++)
        counts[bytes[begin]]++;
    return RC_OK;
}
