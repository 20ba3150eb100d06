/* Sizes of the integer products' tiles, and what a tile is told. */
#ifndef RC_S8_TILES_H
#define RC_S8_TILES_H
#include "../requantize.h"
#include "blocks.h"
#include <string.h>

/* A tile has NR outputs, or sixteen or thirty-two. A panel that is made has KC inputs of them: of bytes 18 KiB of L1's
 * 32, beside 3 of eight rows of x. */
enum { NV = 3, NR = NV * 16, KC = 384 };
enum { FEW_ROWS = 12 }; /* at most, for the kernels of few rows */

/* A tile: the products of mr rows of x with nv times sixteen outputs of a panel. */
struct tile {
    const void *x; /* rows, ldx elements apart, of whole quads */
    size_t ldx, quads;
    const int32_t *rest; /* of each row a last quad, or NULL */
    const void *panel;
    size_t ldp;      /* from sixteen outputs to the next, in elements */
    ptrdiff_t ahead; /* bytes from a line of the panel to what is asked for meanwhile */
    const int32_t *from; /* what the sums begin with, less less[i]: rows, ldf apart */
    size_t ldf;
    const uint32_t *less;
    int32_t *to; /* the sums: rows, ldt apart, with `width` of the last sixteen */
    size_t ldt, width;
};

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

#if RC_X86
/* Ask L1 for a line. __builtin_prefetch would do, but GCC 12 takes it for a reader of all memory, and stores the sums
 * of a loop in every step. */
RC_INLINE void ask_for(const void *line)
{
    __asm__ volatile("prefetcht0 %a0" : : "p"(line));
}

/* Of few rows, by weights as they are. */
rc_gemm_s8s8 rc_few_avx2_s8s8, rc_few_avx512_s8s8;
rc_gemm_u8s8 rc_few_avx2_u8s8, rc_few_avx512_u8s8;
#endif
#endif
