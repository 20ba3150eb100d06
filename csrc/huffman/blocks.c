/* A sequence cut into blocks: reference/huffman/blocks.py says why. */
#include "blocks.h"

enum { ONE = 1 << 16, AROUND = 1024 };

/* About 65536 log2(x), for x from 1 to 2^46. */
static uint64_t log2_of(uint64_t x)
{
    const unsigned e = 63 - (unsigned)__builtin_clzll(x);
    const uint64_t f = (x << 16 >> e) - ONE;
    const uint64_t g = 29013 - (f * (16207 - (f * 5455 >> 16)) >> 16);
    return ((uint64_t)e << 16) + f + ((f * (ONE - f) >> 16) * g >> 16);
}

/* The bits of one block of symbols of two counts together, about. */
static uint64_t bits_of(const uint64_t *a, const uint64_t *b)
{
    uint64_t n = 0, sum = 0, alphabet = 0, width = 0;
    for (uint64_t i = 0; i < 256; i++) {
        const uint64_t c = a[i] + b[i];
        if (c) {
            n += c;
            sum += c * log2_of(c);
            alphabet = i + 1;
        }
    }
    while (alphabet && (alphabet - 1) >> width)
        width++;
    const uint64_t entropy = n ? n * log2_of(n) - sum : 0, least = ONE * n, packed = ONE * width * n;
    const uint64_t coded = (entropy > least ? entropy : least) + ONE * (4 * alphabet + AROUND);
    return coded < packed ? coded : packed;
}

void rc_huffman_add_unit(const uint64_t *counts, size_t end, struct rc_huffman_cut *cut, int64_t *ends)
{
    static const uint64_t nothing[256];
    const uint64_t alone = bits_of(counts, nothing), both = bits_of(counts, cut->counts);
    if (cut->blocks && both <= cut->bits + alone) {
        for (size_t i = 0; i < 256; i++)
            cut->counts[i] += counts[i];
        cut->bits = both;
    } else {
        memcpy(cut->counts, counts, sizeof cut->counts);
        cut->bits = alone;
        cut->blocks++;
    }
    ends[cut->blocks - 1] = (int64_t)end;
}

int rc_huffman_count_units(rc_huffman_counts *kernel, size_t begin, size_t end, size_t count, const uint8_t *symbols,
                           uint32_t *counts)
{
    for (size_t unit = begin; unit < end; unit++) {
        uint64_t here[256] = {0};
        const int status = kernel(unit * RC_UNIT, rc_min((unit + 1) * RC_UNIT, count), 0, symbols, here);
        if (status != RC_OK)
            return status;
        for (size_t i = 0; i < 256; i++)
            counts[unit * 256 + i] = (uint32_t)here[i];
    }
    return RC_OK;
}

int rc_huffman_cut_units(size_t begin, size_t end, size_t count, const uint32_t *counts, struct rc_huffman_cut *cut,
                         int64_t *ends)
{
    for (size_t unit = begin; unit < end; unit++) {
        uint64_t here[256];
        for (size_t i = 0; i < 256; i++)
            here[i] = counts[unit * 256 + i];
        rc_huffman_add_unit(here, rc_min((unit + 1) * RC_UNIT, count), cut, ends);
    }
    return RC_OK;
}

int rc_huffman_blocks_portable(size_t begin, size_t end, size_t count, const uint8_t *symbols,
                               struct rc_huffman_cut *cut, int64_t *ends)
{
    for (size_t unit = begin; unit < end; unit++) {
        uint64_t counts[256] = {0};
        const size_t stop = rc_min((unit + 1) * RC_UNIT, count);
        rc_huffman_counts_portable(unit * RC_UNIT, stop, 0, symbols, counts);
        rc_huffman_add_unit(counts, stop, cut, ends);
    }
    return RC_OK;
}
