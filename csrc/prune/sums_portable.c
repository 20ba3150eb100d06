/* The sums of whole blocks of a matrix, and the mask of the blocks that are kept. */
#define TARGET
#define SUMS rc_prune_sums_portable
#include "sums.h"

/* Of blocks of at most eight columns: eight marks at a time, of which the next store writes over those behind the
 * block. */
/* Blocks of two columns: of SIDE of them at a time the compiler makes vectors. */
static void spread_twos(size_t blocks, size_t columns, const uint8_t *kept, uint8_t *row)
{
    enum { SIDE = 64 };
    size_t b = 0;
    for (; b + SIDE <= columns / 2; b += SIDE) {
        uint16_t marks[SIDE];
        for (size_t s = 0; s < SIDE; s++)
            marks[s] = (uint16_t)(kept[b + s] * 0x0101);
        memcpy(row + 2 * b, marks, sizeof marks);
    }
    for (; b < blocks; b++)
        memset(row + 2 * b, kept[b], rc_min(2, columns - 2 * b));
}

static void spread_narrow(size_t blocks, size_t columns, size_t across, const uint8_t *kept, uint8_t *row)
{
    size_t b = 0;
    for (; b < blocks && b * across + 8 <= columns; b++) {
        const uint64_t marks = kept[b] * UINT64_C(0x0101010101010101);
        memcpy(row + b * across, &marks, sizeof marks);
    }
    for (; b < blocks; b++)
        memset(row + b * across, kept[b], rc_min(across, columns - b * across));
}

int rc_prune_spread_portable(size_t begin, size_t end, size_t columns, size_t high, size_t across, const uint8_t *kept,
                             uint8_t *mask)
{
    const size_t blocks = (columns + across - 1) / across;
    for (size_t i = begin; i < end; i++) {
        const uint8_t *own = kept + i / high * blocks;
        uint8_t *row = mask + i * columns;
        if (i > begin && i / high == (i - 1) / high) {
            memcpy(row, row - columns, columns);
        } else if (across == 1) {
            memcpy(row, own, columns);
        } else if (across == 2) {
            spread_twos(blocks, columns, own, row);
        } else if (across <= 8) {
            spread_narrow(blocks, columns, across, own, row);
        } else {
            for (size_t b = 0; b < blocks; b++)
                memset(row + b * across, own[b], rc_min(across, columns - b * across));
        }
    }
    return RC_OK;
}
