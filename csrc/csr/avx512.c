/* What changed since AVX2: sixteen columns at a time, 64 of them in registers, and masks are registers of their own.
 * Up to four columns stay with AVX2: a longer vector, though masked, would touch two cache lines where one holds the
 * row. Of five to eight columns a vector holds two rows (row_pairs.h), unless x stays in L1: that order brings more
 * loads from L2 on their way, but has more instructions. One column of a matrix that was packed as windows has its rows
 * in the lanes: windows.c says how. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"
#include "windows.h"
#include <string.h>

#define KERNEL at_least_nine_columns
#define LINKAGE static
#include "columns.h"
#include "row_pairs.h"

/* Bytes: how far ahead of the values in use the next ones are asked for, and as many steps ahead their columns. */
enum { VALUES_AHEAD = 4096, COLUMNS_AHEAD = 2048 };

enum { L1 = 1 << 15 }; /* bytes */

/* The next `steps` steps of one group's sums. */
RC_INLINE RC_AVX512 __m512 some_steps(size_t steps, __m512 low, __m512 high, const uint16_t **masks,
                                      const uint8_t **columns, const float **stored, __m512 sums)
{
    /* What is below its own lane, of each lane: so many entries of the mask stand before the lane's own. (An expanding
     * load would do the same, in seven cycles where this takes three.) */
    const __m512i below = _mm512_setr_epi32(0x0, 0x1, 0x3, 0x7, 0xf, 0x1f, 0x3f, 0x7f, 0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff,
                                            0x1fff, 0x3fff, 0x7fff);
    const uint16_t *mask = *masks;
    const uint8_t *column = *columns;
    const float *value = *stored;
    for (size_t s = 0; s < steps; s++) {
        const unsigned lanes = mask[s];
        const __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)column));
        const __m512i place = _mm512_popcnt_epi32(_mm512_and_si512(_mm512_set1_epi32((int)lanes), below));
        const __m512 own = _mm512_permutexvar_ps(place, _mm512_loadu_ps(value));
        sums = _mm512_mask3_fmadd_ps(own, _mm512_permutex2var_ps(low, index, high), sums, (__mmask16)lanes);
        __builtin_prefetch((const char *)value + VALUES_AHEAD, 0, 3);
        __builtin_prefetch(column + COLUMNS_AHEAD, 0, 3);
        value += __builtin_popcount(lanes);
        column += RC_GROUP;
    }
    *masks = mask + steps;
    *columns = column;
    *stored = value;
    return sums;
}

/* Whole blocks, from the row `begin` on. Nobody but rc_csr_windows_pack has written what is read here. */
static RC_AVX512 void windows(size_t begin, size_t end, size_t k, const struct rc_csr_windows *w, const float *x,
                              float *y)
{
    const uint64_t *start = w->starts + begin / RC_BLOCK * 4;
    const uint8_t *head = w->heads + start[0], *columns = w->columns + start[2];
    const uint16_t *masks = w->masks + start[1];
    const float *stored = w->values + start[3];
    for (size_t i0 = begin; i0 < end; i0 += RC_BLOCK) {
        _Alignas(64) float sums[RC_BLOCK];
        memset(sums, 0, sizeof sums);
        for (size_t first = 0; first < k; first += RC_WINDOW) {
            const size_t left = rc_min(k - first, RC_WINDOW);
            const __m512 low = _mm512_maskz_loadu_ps(v_mask(rc_min(left, 16)), x + first);
            const __m512 high = left > 16 ? _mm512_maskz_loadu_ps(v_mask(left - 16), x + first + 16) : v_zero();
            for (size_t steps; (steps = *head++) != 0;) {
                for (size_t groups = *head++; groups > 0; groups--) {
                    float *own = sums + *head++ * RC_GROUP;
                    _mm512_store_ps(own, some_steps(steps, low, high, &masks, &columns, &stored, _mm512_load_ps(own)));
                }
            }
        }
        memcpy(y + i0, sums, rc_min(end - i0, RC_BLOCK) * sizeof *y);
    }
}

/* A range of rows that is not one of whole blocks is computed from the entries themselves. */
RC_AVX512 int rc_csr_matmul_avx512(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a,
                                   const float *x, float *y)
{
    if (n == 1 && width == 1 && a->windows && begin % RC_BLOCK == 0 && (end % RC_BLOCK == 0 || end == a->m)) {
        windows(begin, end, a->k, a->windows, x, y);
        return RC_OK;
    }
    const int narrow = width > 4 && a->k * n > L1 / sizeof *x;
    rc_csr_matmul *const kernel = width > 8                                  ? at_least_nine_columns
                                  : narrow && has_short_places(a, n) ? five_to_eight_columns
                                                                     : rc_csr_matmul_avx2;
    return kernel(begin, end, width, n, a, x, y);
}
#endif
