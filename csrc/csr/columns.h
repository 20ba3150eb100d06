/* Template of sparse times dense with vectors across the columns of x. Included after these were defined:
 *
 * KERNEL, LINKAGE      the function's name, and `static` or nothing
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 *
 * A block of 64 columns of a row of y stays in registers while entries of the row pass. Each multiply-add reads a
 * vector of x, and what it takes is the time of that read: two cycles from L2, one from L1, of a vector of 16. So x is
 * cut into tiles that stay in L1, copied to where their rows are next to each other: all rows of the matrix meet a
 * tile before the next one comes, each with those of its entries that fall into it. That asks for columns that rise in
 * each row; of any other matrix there is one tile, all of x in place.
 *
 * Where a row of x is one vector or less, few.h does the work: four rows side by side.
 */
#include "values.h"

enum {
    WIDEST = 64 / LANES, /* vectors of a block of columns: four of AVX-512, or half of AVX2's registers */
    MOST_ROWS = 512,     /* of the matrix, that meet a tile: the copy of a tile takes one in a hundred of their time */
    /* Floats of a tile: 32 KiB, which L1 holds nearly all of. A row should have some entries in a tile, or its sums go
     * to memory and back for nothing: so the tiles of thin matrices are twice as large, and leave L1 in part. */
    TILE = 8192,
    LARGE_TILE = 16384,
    ENTRIES = 16, /* of a row in a tile: as many as ask for a larger tile no more */
    AHEAD = 512,  /* entries: 2 KiB of each array */
    NEXT = 8,     /* rows */
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

/* The entries next .. last of a row, up to the first whose column is not one of the `count` from `first` on: where that
 * is. Sums begin at zero if `fresh`, else where y stands. */
RC_INLINE TARGET size_t one_row(const size_t vectors, const enum place place, int masked, const MASK mask,
                                const struct rc_csr *a, const float *x, size_t n, size_t first, size_t count, int fresh,
                                size_t next, size_t last, float *y)
{
    const int32_t *indices = a->indices;
    const size_t stride = place == IN_A_TILE ? vectors * LANES : n;
    VEC acc[WIDEST];
    float buffer[PIECE];
    RC_UNROLL for (size_t v = 0; v < vectors; v++)
        acc[v] = fresh                         ? v_zero()
                 : masked && v + 1 == vectors ? v_load_some(y + v * LANES, mask)
                                              : v_load(y + v * LANES);
    while (next < last) {
        const size_t some = piece(a, last - next);
        const float *value = values(a, next, some, buffer);
        size_t s = 0;
        for (; s < some; s++) {
            const size_t column = (uint32_t)indices[next + s] - first; /* a negative index becomes larger than any */
            if (column >= count)
                break;
            accumulate(vectors, place, mask, value[s], x + column * stride, acc);
        }
        next += s;
        if (s < some)
            break;
    }
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        if (masked && v + 1 == vectors)
            v_store_some(y + v * LANES, mask, acc[v]);
        else
            v_store(y + v * LANES, acc[v]);
    }
    return next;
}

/* The rows of the range at one block of columns, in tiles of tile_rows of x; `tile` is memory for a copy of one, or
 * NULL where x is read in place. */
RC_INLINE TARGET int block(const size_t vectors, const enum place place, const MASK mask, size_t columns, size_t begin,
                           size_t end, size_t n, const struct rc_csr *a, size_t tile_rows, float *tile, const float *x,
                           float *y)
{
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
        /* What a row has in a tile, and at least what two cache lines hold: it seldom begins with one. */
        const size_t mean = (last[m - 1] - next[0]) / m * tile_rows / (a->k + 1), ahead = mean < 17 ? 17 : mean;
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
            for (size_t i = 0; i < m; i++, row += n) {
                if (count == a->k)
                    prefetch(a, next[i] + AHEAD, last[i] + AHEAD);
                else
                    prefetch(a, next[i + NEXT], next[i + NEXT] + ahead);
                next[i] = one_row(vectors, place, masked, mask, a, at, n, first, count, first == 0, next[i], last[i],
                                  row);
            }
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
    if (vectors > 1) {
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
        case 1: bad = tiled_or_in_place(1, columns, begin, end, n, a, tile, x + j, y + j); break;
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

#define SUMS VEC
#define SUMS_ZERO v_zero()
#define FEW one_vector
#define FEW_ROWS one_vector_of_rows
#define FEW_N LANES
#define SUMS_ADD(value, x, s) s = v_fma(v_set1(*(value)), v_load(x), s)
#define SUMS_STORE(y, s) v_store(y, s)
#include "few.h"

#define SUMS VEC
#define SUMS_ZERO v_zero()
#define FEW less_than_a_vector
#define FEW_ROWS less_than_a_vector_of_rows
#define FEW_N n
#define SUMS_ADD(value, x, s) s = v_fma(v_set1(*(value)), v_load_some(x, mask), s)
#define SUMS_STORE(y, s) v_store_some(y, mask, s)
#include "few.h"

LINKAGE TARGET int KERNEL(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                          float *y)
{
    if (a->wide) /* so large an x is read from memory, and nothing else takes time */
        return rc_csr_matmul_portable(begin, end, width, n, a, x, y);
    if (width > LANES || (width == LANES && n > LANES))
        return many_columns(begin, end, width, n, a, x, y);
    return width == LANES ? one_vector(begin, end, width, n, a, x, y)
                          : less_than_a_vector(begin, end, width, n, a, x, y);
}
