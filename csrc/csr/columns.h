/* Template of sparse times dense with vectors across the columns of x. Included after these were defined:
 *
 * KERNEL, TARGET, LINKAGE   the function's name, its instruction set, and `static` or nothing
 * VEC, LANES           a vector of floats and its length
 * MASK, mask_of(count) which of the first lanes take part
 * zero(), set1(a), fma(a, b, c), load(x), store(y, v), load_some(x, mask), store_some(y, mask, v)
 *
 * A block of four vectors of columns stays in registers while the entries of a row pass, and all rows pass before the next
 * block: the rows of x that a block touches, 4 * LANES columns wide, stay in L2. Each column is one chain, and a
 * chain waits four cycles for its last sum where two could start in each: so two rows go side by side, or four where there
 * is but one vector of columns.
 */

/* Rows are short, and with each of them the processor begins anew to foresee what comes: so ask for entries that are AHEAD of those
 * from .. to, two KiB of each array. Without this, products of up to 64 columns took up to a third longer. */
enum { AHEAD = 512 };

RC_INLINE void ask_ahead(const int32_t *indices, const float *data, size_t nnz, size_t from, size_t to)
{
    for (size_t p = from + AHEAD; p < to + AHEAD && p < nnz; p += 16)
        __builtin_prefetch(indices + p, 0, 3);
    for (size_t p = from + AHEAD; p < to + AHEAD && p < nnz; p += 16)
        __builtin_prefetch(data + p, 0, 3);
}

/* The rows y[0 .. rows) at `vectors` vectors of columns, the last of them masked where `masked` says so. */
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
        common = count[r] < common ? count[r] : common;
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            acc[r][v] = zero();
    }
#define ENTRY(r, p) \
    { \
        const size_t index = (uint32_t)indices[p]; /* a negative one becomes larger than any k */ \
        if (index >= k) \
            return RC_BAD_INDEX; \
        const float *entry = x + index * n; \
        const VEC a = set1(data[p]); \
        RC_UNROLL for (size_t v = 0; v < vectors; v++) \
            acc[r][v] = fma(a, masked && v + 1 == vectors ? load_some(entry + v * LANES, mask) : load(entry + v * LANES), \
                            acc[r][v]); \
    }
    ask_ahead(indices, data, nnz, first[0], first[rows - 1] + count[rows - 1]);
    for (size_t s = 0; s < common; s++)
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            ENTRY(r, first[r] + s)
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        for (size_t s = common; s < count[r]; s++)
            ENTRY(r, first[r] + s)
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            if (masked && v + 1 == vectors)
                store_some(y + r * n + v * LANES, mask, acc[r][v]);
            else
                store(y + r * n + v * LANES, acc[r][v]);
        }
    }
#undef ENTRY
    return RC_OK;
}

LINKAGE TARGET int KERNEL(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                          const int32_t *indices, const float *data, const float *x, float *y)
{
    int bad = 0;
    for (size_t j = 0; !bad && j < width; j += 4 * LANES) {
        const size_t columns = width - j < 4 * LANES ? width - j : 4 * LANES;
        const MASK mask = mask_of(columns % LANES);
        size_t i = begin;
#define PASS(rows, vectors, masked) \
    for (; !bad && i + (rows) <= end; i += (rows)) \
        bad = side_by_side(rows, vectors, masked, mask, n, k, nnz, indptr + i, indices, data, x + j, y + i * n + j);
#define VECTORS(rows, vectors) \
    if (columns % LANES == 0) { \
        PASS(rows, vectors, 0) \
        PASS(1, vectors, 0) \
    } else { \
        PASS(rows, vectors, 1) \
        PASS(1, vectors, 1) \
    }
        switch ((columns + LANES - 1) / LANES) {
        case 1: VECTORS(4, 1) break;
        case 2: VECTORS(2, 2) break;
        case 3: VECTORS(2, 3) break;
        default: VECTORS(2, 4)
        }
#undef VECTORS
#undef PASS
    }
    return bad;
}
