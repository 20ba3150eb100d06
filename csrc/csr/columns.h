/* Template of sparse times dense with vectors across the columns of x. Included after these were defined:
 *
 * KERNEL, LINKAGE      the function's name, and `static` or nothing
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 *
 * A block of 64 columns of a row of y stays in registers while entries of the row pass. Each multiply-add reads a vector
 * of x, and what it takes is the time of that read: two cycles from L2, one from L1, of a vector of 16. So x is cut into
 * tiles that stay in L1, copied to where their rows are next to each other: all rows of the matrix meet a tile before
 * the next one comes, each with those of its entries that fall into it. That asks for columns that rise in each row; of
 * any other matrix there is one tile, all of x in place.
 *
 * Each column is one chain, and a chain waits four cycles for its last sum: where a row has only one vector of columns,
 * four rows go side by side, and two where it has two.
 */
#include "values.h"

enum {
    WIDEST = 64 / LANES, /* vectors of a block of columns: four of AVX-512, or half of AVX2's registers */
    MOST_ROWS = 512,     /* of the matrix, that meet a tile: the copy of a tile takes one in a hundred of their time */
    /* Floats of a tile: 32 KiB, which L1 holds nearly all of. A row should have some entries in a tile, or its sums go
     * to memory and back for nothing: so the tiles of thin matrices are twice as large, and leave L1 in part. */
    TILE = 8192,
    LARGE_TILE = 16384,
    ENTRIES = 10, /* of a row in a tile: as many as ask for a larger tile no more */
    AHEAD = 512,  /* entries: 2 KiB of each array */
    NEXT = 12,    /* rows */
};

/* Rows are short, and the processor's own prefetcher starts anew at each of them: so ask for the entries from .. to.
 * Without this, products of up to 64 columns took up to a third longer. */
RC_INLINE void prefetch(const struct rc_csr *a, size_t from, size_t to)
{
    const size_t size = a->type == RC_CSR_F32 ? 4 : 2;
    to = rc_min(to, a->nnz);
    for (size_t p = from; p < to; p += 16) {
        __builtin_prefetch((const int32_t *)a->indices + p, 0, 3);
        __builtin_prefetch((const char *)a->data + p * size, 0, 3);
    }
}

/* Where x is read: in place, a row being n long, to its last column or not; or in a tile, whose rows are whole vectors
 * next to each other. */
enum place { IN_PLACE, IN_PLACE_MASKED, IN_A_TILE };

/* Add `value` times a row of x to `vectors` vectors of sums. */
RC_INLINE TARGET void accumulate(const size_t vectors, const enum place place, const MASK mask, float value,
                                 const float *x, VEC *acc)
{
    const VEC a = v_set1(value);
    RC_UNROLL for (size_t v = 0; v < vectors; v++)
        acc[v] = v_fma(a, place == IN_PLACE_MASKED && v + 1 == vectors ? v_load_some(x + v * LANES, mask)
                                                                        : v_load(x + v * LANES), acc[v]);
}

/* The entries next[r] .. last[r] of rows side by side, up to the first whose column is not one of the `count` from
 * `first` on; next[r] moves there. Sums begin at zero if `fresh`, else where y stands. */
RC_INLINE TARGET void side_by_side(const size_t rows, const size_t vectors, const enum place place, int masked,
                                   const MASK mask, const struct rc_csr *a, const float *x, size_t n, size_t first,
                                   size_t count, int fresh, const size_t *last, size_t *next, float *y)
{
    const int32_t *indices = a->indices;
    const size_t stride = place == IN_A_TILE ? vectors * LANES : n;
    VEC acc[4][WIDEST];
    float buffer[4][PIECE];
    size_t p[4];
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        p[r] = next[r];
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            acc[r][v] = fresh ? v_zero()
                        : masked && v + 1 == vectors ? v_load_some(y + r * n + v * LANES, mask)
                                                     : v_load(y + r * n + v * LANES);
    }
    while (rows > 1) {
        size_t common = SIZE_MAX, s = 0;
        const float *value[4];
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            common = rc_min(common, last[r] - p[r]);
        common = piece(a, common);
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            value[r] = values(a, p[r], common, buffer[r]);
        for (; s < common; s++) {
            size_t column[4];
            RC_UNROLL for (size_t r = 0; r < rows; r++) {
                column[r] = (uint32_t)indices[p[r] + s] - first; /* a negative index becomes larger than any count */
                if (column[r] >= count)
                    goto apart;
            }
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                accumulate(vectors, place, mask, value[r][s], x + column[r] * stride, acc[r]);
        }
        if (common == 0)
            break;
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            p[r] += s;
        continue;
apart:
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            p[r] += s;
        break;
    }
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        while (p[r] < last[r]) {
            const size_t some = piece(a, last[r] - p[r]);
            const float *value = values(a, p[r], some, buffer[0]);
            size_t s = 0;
            for (; s < some; s++) {
                const size_t column = (uint32_t)indices[p[r] + s] - first;
                if (column >= count)
                    break;
                accumulate(vectors, place, mask, value[s], x + column * stride, acc[r]);
            }
            p[r] += s;
            if (s < some)
                break;
        }
        next[r] = p[r];
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            if (masked && v + 1 == vectors)
                v_store_some(y + r * n + v * LANES, mask, acc[r][v]);
            else
                v_store(y + r * n + v * LANES, acc[r][v]);
        }
    }
}

/* The rows of the range at one block of columns, in tiles of tile_rows of x; `tile` is memory for a copy of one, or
 * NULL where x is read in place. */
RC_INLINE TARGET int block(const size_t vectors, const enum place place, const MASK mask, size_t columns, size_t begin,
                           size_t end, size_t n, const struct rc_csr *a, size_t tile_rows, float *tile, const float *x,
                           float *y)
{
    const size_t rows = vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
    const int masked = place != IN_PLACE && columns % LANES != 0;
    size_t next[MOST_ROWS + NEXT], last[MOST_ROWS];
    for (size_t i0 = begin; i0 < end; i0 += MOST_ROWS) {
        const size_t m = rc_min(end - i0, MOST_ROWS);
        for (size_t i = 0; i < m; i++) {
            const int64_t from = a->indptr[i0 + i], to = a->indptr[i0 + i + 1];
            if (from < 0 || from > to || (uint64_t)to > a->nnz)
                return RC_BAD_INDEX;
            next[i] = (size_t)from;
            last[i] = (size_t)to;
        }
        for (size_t i = m; i < m + NEXT; i++)
            next[i] = a->nnz;
        const size_t ahead = (last[m - 1] - next[0]) / m * tile_rows / (a->k + 1) + 1;
        size_t first = 0;
        do {
            const size_t count = rc_min(a->k - first, tile_rows);
            const float *at = x + first * n;
            if (tile) {
                for (size_t p = 0; p < count; p++)
                    for (size_t v = 0; v < vectors; v++)
                        v_store(tile + (p * vectors + v) * LANES,
                                masked && v + 1 == vectors ? v_load_some(at + p * n + v * LANES, mask)
                                                           : v_load(at + p * n + v * LANES));
                at = tile;
            }
            float *row = y + i0 * n;
            size_t i = 0;
            for (; i + rows <= m; i += rows, row += rows * n) {
                if (count == a->k)
                    prefetch(a, next[i] + AHEAD, last[i + rows - 1] + AHEAD);
                else
                    for (size_t r = 0; r < rows; r++)
                        prefetch(a, next[i + r + NEXT], next[i + r + NEXT] + ahead);
                side_by_side(rows, vectors, place, masked, mask, a, at, n, first, count, first == 0, last + i, next + i,
                             row);
            }
            for (; i < m; i++, row += n)
                side_by_side(1, vectors, place, masked, mask, a, at, n, first, count, first == 0, last + i, next + i,
                             row);
            first += count;
        } while (first < a->k);
        for (size_t i = 0; i < m; i++)
            if (next[i] != last[i]) /* an index outside of 0 .. k, or one that falls where all should rise */
                return RC_BAD_INDEX;
    }
    return RC_OK;
}

/* How many rows of x make a tile for the rows of the range: all of them where tiles do not pay. */
RC_INLINE size_t rows_of_tile(size_t begin, size_t end, size_t columns, const struct rc_csr *a)
{
    const double m = (double)(end - begin), entries = (double)(a->indptr[end] - a->indptr[begin]);
    const double wanted = ENTRIES * m * (double)a->k / (entries > 1 ? entries : 1);
    const size_t least = TILE / columns, most = LARGE_TILE / columns;
    if (!a->rising || wanted > 4.0 * (double)most)
        return a->k;
    return wanted < (double)least ? least : wanted > (double)most ? most : (size_t)wanted;
}

RC_INLINE TARGET int tiled_or_in_place(const size_t vectors, size_t columns, size_t begin, size_t end, size_t n,
                                       const struct rc_csr *a, float *tile, const float *x, float *y)
{
    const MASK mask = v_mask(columns % LANES);
    if (tile) {
        const size_t width = vectors * LANES, rows = rows_of_tile(begin, end, width, a);
        const int often = a->indptr[end] - a->indptr[begin] >= 8 * (int64_t)a->k; /* is each row of x read */
        if (n == width && columns == n && (uintptr_t)x % 64 == 0)
            return block(vectors, IN_A_TILE, mask, columns, begin, end, n, a, rows, NULL, x, y);
        if (rows * width <= LARGE_TILE && often)
            return block(vectors, IN_A_TILE, mask, columns, begin, end, n, a, rows, tile, x, y);
    }
    return columns % LANES == 0
               ? block(vectors, IN_PLACE, mask, columns, begin, end, n, a, a->k, NULL, x, y)
               : block(vectors, IN_PLACE_MASKED, mask, columns, begin, end, n, a, a->k, NULL, x, y);
}

/* A function of its own, so that a short product need not have so much of the stack. */
static TARGET __attribute__((noinline)) int many_columns(size_t begin, size_t end, size_t width, size_t n,
                                                         const struct rc_csr *a, const float *x, float *y)
{
    _Alignas(64) float tile[LARGE_TILE];
    int bad = 0;
    for (size_t j = 0, columns; !bad && j < width; j += columns) {
        const size_t left = (width - j + LANES - 1) / LANES;
        /* One vector more than the widest block is two blocks of about the same size: one vector alone is slow. */
        const size_t vectors = left == WIDEST + 1 ? (left + 1) / 2 : rc_min(left, WIDEST);
        columns = rc_min(width - j, vectors * LANES);
        switch (vectors) {
        case 1: bad = tiled_or_in_place(1, columns, begin, end, n, a, NULL, x + j, y + j); break;
        case 2: bad = tiled_or_in_place(2, columns, begin, end, n, a, tile, x + j, y + j); break;
        case 3: bad = tiled_or_in_place(3, columns, begin, end, n, a, tile, x + j, y + j); break;
        case 4: bad = tiled_or_in_place(4, columns, begin, end, n, a, tile, x + j, y + j); break;
#if LANES < 16
        case 5: bad = tiled_or_in_place(5, columns, begin, end, n, a, tile, x + j, y + j); break;
        case 6: bad = tiled_or_in_place(6, columns, begin, end, n, a, tile, x + j, y + j); break;
        case 7: bad = tiled_or_in_place(7, columns, begin, end, n, a, tile, x + j, y + j); break;
#endif
        default: bad = tiled_or_in_place(WIDEST, columns, begin, end, n, a, tile, x + j, y + j);
        }
    }
    return bad;
}

LINKAGE TARGET int KERNEL(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                          float *y)
{
    if (a->wide) /* so large an x is read from memory, and nothing else takes time */
        return rc_csr_matmul_portable(begin, end, width, n, a, x, y);
    if (width > LANES)
        return many_columns(begin, end, width, n, a, x, y);
    return width ? tiled_or_in_place(1, width, begin, end, n, a, NULL, x, y) : RC_OK;
}
