/* Template of sparse times dense with vectors across the columns of x. Included after these were defined:
 *
 * KERNEL, LINKAGE      the function's name, and `static` or nothing
 * ENTRIES(a)           the function that unpacks a strip of a row of a
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 *
 * A strip of each of a few rows is unpacked, and 64 columns of a row of y stay in registers while its entries pass. All
 * rows of a block pass before the next strip: the rows of x under a strip stay in a near cache, copied to where they are
 * next to each other if they are read often. Sums wait in a buffer of their own meanwhile. Where a row has less than
 * eight vectors more rows go side by side, because a chain waits four cycles for its last sum.
 */
#include "strips.h"

/* Rows of a block: each pass over x, from the second-level cache, serves that many. */
enum { BLOCK_ROWS = 128, WIDE = 64, WIDEST = WIDE / LANES };
enum { OFTEN = 8 }; /* times that a row of x is read, for which a copy pays */

/* Where x is read: in place, a row being n long, to its last column or not; or in rows of whole vectors next to each
 * other. */
enum reading { IN_PLACE, IN_PLACE_MASKED, SIDE_BY_SIDE };

/* Add `value` times a row of x to `vectors` vectors of sums. */
RC_INLINE TARGET void accumulate(const size_t vectors, const enum reading reading, const MASK mask, float value,
                                 const float *x, VEC *acc)
{
    const VEC a = v_set1(value);
    RC_UNROLL for (size_t v = 0; v < vectors; v++)
        acc[v] = v_fma(a, reading == IN_PLACE_MASKED && v + 1 == vectors ? v_load_some(x + v * LANES, mask)
                                                                          : v_load(x + v * LANES), acc[v]);
}

/* The entries of a strip of rows that lie side by side, added to their sums. x : the row of its first column. */
RC_INLINE TARGET void side_by_side(const size_t rows, const size_t vectors, const enum reading reading, const MASK mask,
                                   size_t n, const size_t *count, uint16_t (*index)[ROOM], float (*value)[ROOM],
                                   const float *x, float (*sums)[WIDE])
{
    const size_t stride = reading == SIDE_BY_SIDE ? vectors * LANES : n;
    VEC acc[4][WIDEST];
    size_t common = SIZE_MAX;
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        common = rc_min(common, count[r]);
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            acc[r][v] = v_load(sums[r] + v * LANES);
    }
    for (size_t s = 0; s < common; s++)
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            accumulate(vectors, reading, mask, value[r][s], x + index[r][s] * stride, acc[r]);
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        for (size_t s = common; rows > 1 && s < count[r]; s++)
            accumulate(vectors, reading, mask, value[r][s], x + index[r][s] * stride, acc[r]);
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            v_store(sums[r] + v * LANES, acc[r][v]);
    }
}

/* The strip first .. last of the rows of a block that begins at row i. x : its first row. */
RC_INLINE TARGET int strip_of_rows(const size_t side, const size_t vectors, const enum reading reading,
                                   const MASK mask, size_t i, size_t rows, size_t first, size_t last, size_t n,
                                   entries_function *entries, const struct rc_sparse *a, struct place *at,
                                   const float *x, float (*sums)[WIDE])
{
    uint16_t index[4][ROOM];
    float value[4][ROOM];
    size_t count[4], r = 0;
    for (; r + side <= rows; r += side) {
        RC_UNROLL for (size_t s = 0; s < side; s++)
            if (entries(a, i + r + s, first, last, at + r + s, index[s], value[s], count + s))
                return RC_BAD_INDEX;
        side_by_side(side, vectors, reading, mask, n, count, index, value, x, sums + r);
    }
    for (; r < rows; r++) {
        if (entries(a, i + r, first, last, at + r, index[0], value[0], count))
            return RC_BAD_INDEX;
        side_by_side(1, vectors, reading, mask, n, count, index, value, x, sums + r);
    }
    return RC_OK;
}

/* y = fma(scale, sums, y) for the rows of a block; the sums begin anew. at_y : whether y holds sums already. */
RC_INLINE TARGET void end_group(const size_t vectors, const int masked, const MASK mask, size_t i, size_t rows,
                                size_t group, size_t n, int at_y, const struct rc_sparse *a, float (*sums)[WIDE],
                                float *y)
{
    for (size_t r = 0; r < rows; r++) {
        const VEC scale = v_set1(scale_of(a, i + r, group));
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            float *to = y + (i + r) * n + v * LANES;
            const int some = masked && v + 1 == vectors;
            VEC total = v_zero();
            if (at_y) /* 1 y + 0: +0.0 of each zero */
                total = v_fma(v_set1(1.0f), some ? v_load_some(to, mask) : v_load(to), total);
            total = v_fma(scale, v_load(sums[r] + v * LANES), total);
            if (some)
                v_store_some(to, mask, total);
            else
                v_store(to, total);
            v_store(sums[r] + v * LANES, v_zero());
        }
    }
}

/* A strip of x, its rows next to each other: zeros where it has less than whole vectors. */
RC_INLINE TARGET void copy_strip(const size_t vectors, const int masked, const MASK mask, size_t count, size_t n,
                                 const float *x, float *tile)
{
    for (size_t p = 0; p < count; p++)
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            v_store(tile + (p * vectors + v) * LANES, masked && v + 1 == vectors
                                                          ? v_load_some(x + p * n + v * LANES, mask)
                                                          : v_load(x + p * n + v * LANES));
}

/* The rows of the range at one block of columns; `tile` is memory for a strip of x, or NULL where it is read in
 * place. */
RC_INLINE TARGET int block(const size_t side, const size_t vectors, const enum reading reading, const int masked,
                           const MASK mask, size_t begin, size_t end, size_t n, int add, const struct rc_sparse *a,
                           float *tile, const float *x, float *y)
{
    entries_function *const entries = ENTRIES(a);
    float sums[BLOCK_ROWS][WIDE];
    struct place at[BLOCK_ROWS];
    for (size_t i = begin; i < end; i += BLOCK_ROWS) {
        const size_t rows = rc_min(end - i, BLOCK_ROWS);
        for (size_t r = 0; r < rows; r++) {
            at[r] = place_of(a, i + r);
            RC_UNROLL for (size_t v = 0; v < vectors; v++)
                v_store(sums[r] + v * LANES, v_zero());
        }
        size_t group = 0;
        do { /* once where k is 0, too: y is 0 then */
            const size_t stop = rc_min(a->k, (group + 1) * a->group);
            for (size_t first = group * a->group, last; first < stop; first = last) {
                const float *strip = x + first * n;
                last = rc_min(stop, first + STRIP);
                if (tile) {
                    copy_strip(vectors, masked, mask, last - first, n, strip, tile);
                    strip = tile;
                }
                if (strip_of_rows(side, vectors, reading, mask, i, rows, first, last, n, entries, a, at, strip, sums))
                    return RC_BAD_INDEX;
            }
            end_group(vectors, masked, mask, i, rows, group, n, add || group, a, sums, y);
        } while (++group * a->group < a->k);
    }
    return RC_OK;
}

RC_INLINE TARGET int copied_or_in_place(const size_t side, const size_t vectors, size_t columns, size_t begin,
                                        size_t end, size_t n, int add, const struct rc_sparse *a, float *tile,
                                        const float *x, float *y)
{
    const MASK mask = v_mask(columns % LANES);
    const size_t width = vectors * LANES, rows = rc_min(end - begin, BLOCK_ROWS);
    const size_t entries = row_begin(a, begin + rows) - row_begin(a, begin);
    const int masked = columns < width;
    if (n == width && !masked)
        return block(side, vectors, SIDE_BY_SIDE, 0, mask, begin, end, n, add, a, NULL, x, y);
    if (vectors > 1 && entries >= OFTEN * a->k)
        return block(side, vectors, SIDE_BY_SIDE, masked, mask, begin, end, n, add, a, tile, x, y);
    return masked ? block(side, vectors, IN_PLACE_MASKED, 1, mask, begin, end, n, add, a, NULL, x, y)
                  : block(side, vectors, IN_PLACE, 0, mask, begin, end, n, add, a, NULL, x, y);
}

LINKAGE TARGET int KERNEL(size_t begin, size_t end, size_t width, size_t n, int add, const struct rc_sparse *a,
                          const float *x, float *y)
{
    _Alignas(64) float tile[STRIP * WIDE];
    int bad = 0;
    for (size_t j = 0; !bad && j < width; j += WIDE) {
        const size_t columns = rc_min(width - j, WIDE);
        const float *const from = x + j;
        float *const to = y + j;
        switch ((columns + LANES - 1) / LANES) {
        case 1: bad = copied_or_in_place(4, 1, columns, begin, end, n, add, a, tile, from, to); break;
        case 2: bad = copied_or_in_place(2, 2, columns, begin, end, n, add, a, tile, from, to); break;
        case 3: bad = copied_or_in_place(2, 3, columns, begin, end, n, add, a, tile, from, to); break;
        case 4: bad = copied_or_in_place(2, 4, columns, begin, end, n, add, a, tile, from, to); break;
#if LANES < 16
        case 5: bad = copied_or_in_place(1, 5, columns, begin, end, n, add, a, tile, from, to); break;
        case 6: bad = copied_or_in_place(1, 6, columns, begin, end, n, add, a, tile, from, to); break;
        case 7: bad = copied_or_in_place(1, 7, columns, begin, end, n, add, a, tile, from, to); break;
        default: bad = copied_or_in_place(1, 8, columns, begin, end, n, add, a, tile, from, to);
#endif
        }
    }
    return bad;
}
