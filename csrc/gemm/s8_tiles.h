/* Sizes of the integer products' tiles and blocks, and how an input is laid ready. */
#ifndef RC_S8_TILES_H
#define RC_S8_TILES_H
#include "../requantize.h"
#include "blocks.h"
#include <string.h>

/* A tile has NR outputs, or sixteen or thirty-two. KC inputs of them are a panel: of bytes 18 KiB of L1's 32, beside 3
 * of eight rows of x. A panel comes from memory, or is made, once for MC_ROWS rows of x, whose sums take 24 KiB of L2;
 * where groups have scales, for MC_GROUPED, because the totals take more. */
enum { NV = 3, NR = NV * 16, KC = 384, MC_ROWS = 128, MC_GROUPED = 32 };
enum { FEW_ROWS = 12 }; /* for s8_few.h, at most */
/* For the products of codes. */
enum { MC_CODED = 64 }; /* rows of x for which a panel is decoded once: their totals, and sums, take 12 KiB each */
enum kind { NIBBLES, LOOKUP, BYTES };

/* Groups side by side: of the first one's sixteen outputs scale and zero, which the next sixteen have ld further on and
 * the next group 16 further on; the bytes of a group's panel. */
struct groups {
    size_t count, quads, ld, of_panel;
    const float *scale;
    const int32_t *zero;
    int32_t zero_of_all;
};

/* How inputs are read. */
enum as { SIGNED, UNSIGNED, UNSIGNED_LESS_128 };

#if RC_X86
/* Ask L1 for a line. __builtin_prefetch would do, but GCC 12 takes it for a reader of all memory, and stores the sums
 * of a loop in every step. */
RC_INLINE void ask_for(const void *line)
{
    __asm__ volatile("prefetcht0 %a0" : : "p"(line));
}

/* Of s8_few.h. */
rc_gemm_s8s8 rc_few_avx2_s8s8, rc_few_avx512_s8s8;
rc_gemm_u8s8 rc_few_avx2_u8s8, rc_few_avx512_u8s8;
#endif
#endif
