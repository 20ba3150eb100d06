/* Template of sparse times dense with vectors across the columns of x. Included after these were defined:
 *
 * KERNEL, LINKAGE      the function's name, and `static` or nothing
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 *
 * A block of four vectors of columns stays in registers while the entries of a row pass, and all rows pass before the
 * next block: the rows of x that a block touches, 4 * LANES columns wide, stay in L2. Each column is one chain, and a
 * chain waits four cycles for its last sum where two could start in each: so two rows go side by side, or four where
 * there is but one vector of columns.
 */

/* Rows are short, and the processor's own prefetcher starts anew at each of them: so ask for the entries that are AHEAD
 * of those from .. to, two KiB of each array. Without this, products of up to 64 columns took up to a third longer. */
enum { AHEAD = 512 };

RC_INLINE void prefetch(const int32_t *indices, const float *data, size_t nnz, size_t from, size_t to)
{
    for (size_t p = from + AHEAD; p < to + AHEAD && p < nnz; p += 16)
        __builtin_prefetch(indices + p, 0, 3);
    for (size_t p = from + AHEAD; p < to + AHEAD && p < nnz; p += 16)
        __builtin_prefetch(data + p, 0, 3);
}

/* Add `value` times a row of x to `vectors` vectors of sums, the last of them masked where `masked` says so. */
RC_INLINE TARGET void accumulate(const size_t vectors, const int masked, const MASK mask, float value,
                                 const float *x, VEC *acc)
{
    const VEC a = v_set1(value);
    RC_UNROLL for (size_t v = 0; v < vectors; v++)
        acc[v] = v_fma(a, masked && v + 1 == vectors ? v_load_some(x + v * LANES, mask) : v_load(x + v * LANES),
                       acc[v]);
}

/* The rows y[0 .. rows) at `vectors` vectors of columns. */
RC_INLINE TARGET int side_by_side(const size_t rows, const size_t vectors, const int masked, const MASK mask, size_t n,
                                  size_t k, size_t nnz, const int64_t *indptr, const int32_t *indices,
                                  const float *data, const float *x, float *y)
{
    VEC acc[4][4];
    size_t first[4], count[4], common = SIZE_MAX;
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        const int64_t from = indptr[r], to = indptr[r + 1];
        if (from < 0 || from > to || (uint64_t)to > nnz)
            return RC_BAD_INDEX;
        first[r] = (size_t)from;
        count[r] = (size_t)(to - from);
        common = rc_min(common, count[r]);
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            acc[r][v] = v_zero();
    }
    prefetch(indices, data, nnz, first[0], first[rows - 1] + count[rows - 1]);
    for (size_t s = 0; s < common; s++) {
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            const size_t p = first[r] + s, index = (uint32_t)indices[p]; /* a negative one becomes larger than any k */
            if (index >= k)
                return RC_BAD_INDEX;
            accumulate(vectors, masked, mask, data[p], x + index * n, acc[r]);
        }
    }
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        for (size_t s = common; s < count[r]; s++) {
            const size_t p = first[r] + s, index = (uint32_t)indices[p];
            if (index >= k)
                return RC_BAD_INDEX;
            accumulate(vectors, masked, mask, data[p], x + index * n, acc[r]);
        }
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            if (masked && v + 1 == vectors)
                v_store_some(y + r * n + v * LANES, mask, acc[r][v]);
            else
                v_store(y + r * n + v * LANES, acc[r][v]);
        }
    }
    return RC_OK;
}

/* The rows of the range at one block of columns, `rows` of them at a time, and one at a time at the end. */
RC_INLINE TARGET int block(const size_t rows, const size_t vectors, const int masked, const MASK mask, size_t begin,
                           size_t end, size_t n, size_t k, size_t nnz, const int64_t *indptr, const int32_t *indices,
                           const float *data, const float *x, float *y)
{
    size_t i = begin;
    for (; i + rows <= end; i += rows)
        if (side_by_side(rows, vectors, masked, mask, n, k, nnz, indptr + i, indices, data, x, y + i * n))
            return RC_BAD_INDEX;
    for (; i < end; i++)
        if (side_by_side(1, vectors, masked, mask, n, k, nnz, indptr + i, indices, data, x, y + i * n))
            return RC_BAD_INDEX;
    return RC_OK;
}

RC_INLINE TARGET int full_or_masked(const size_t rows, const size_t vectors, size_t columns, size_t begin, size_t end,
                                    size_t n, size_t k, size_t nnz, const int64_t *indptr, const int32_t *indices,
                                    const float *data, const float *x, float *y)
{
    const MASK mask = v_mask(columns % LANES);
    return columns % LANES == 0 ? block(rows, vectors, 0, mask, begin, end, n, k, nnz, indptr, indices, data, x, y)
                                : block(rows, vectors, 1, mask, begin, end, n, k, nnz, indptr, indices, data, x, y);
}

LINKAGE TARGET int KERNEL(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                          const int32_t *indices, const float *data, const float *x, float *y)
{
    int bad = 0;
    for (size_t j = 0; !bad && j < width; j += 4 * LANES) {
        const size_t columns = rc_min(width - j, 4 * LANES);
        const float *at = x + j;
        float *to = y + j;
        switch ((columns + LANES - 1) / LANES) {
        case 1: bad = full_or_masked(4, 1, columns, begin, end, n, k, nnz, indptr, indices, data, at, to); break;
        case 2: bad = full_or_masked(2, 2, columns, begin, end, n, k, nnz, indptr, indices, data, at, to); break;
        case 3: bad = full_or_masked(2, 3, columns, begin, end, n, k, nnz, indptr, indices, data, at, to); break;
        default: bad = full_or_masked(2, 4, columns, begin, end, n, k, nnz, indptr, indices, data, at, to);
        }
    }
    return bad;
}
