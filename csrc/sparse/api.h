/* The kernels of sparse, as Python sees them: a part of refcompress.h. */
/* A sparse matrix m by k as it is stored: its entries row by row, columns rising, of which only the values and what
 * says where they are is there.
 * first : m + 1 entry numbers, those of row i are first[i] .. first[i + 1]; nnz : entries in all. mask : a bit a
 * column, 8 in a byte, the lowest first, and width bytes a row. values : what an entry is: a float; an int8_t, with a
 * scale for each group of columns; or a uint8_t, the place in codebook (256 floats, zeros behind the first `codes` of
 * them, and the first one +0.0) of what it stands for.
 * bits : for each of the 256 masks of 8 columns, the numbers of its bits, one a byte; and one more, which is not used:
 * sixteen bytes can be read at each mask. ranks : for each of them, of eight columns the number of a column's bit among
 * those that are set, and 128 where it is not; then once more with numbers from 8 on.
 * group : a multiple of 8, or k (1 where k is 0). scale : ceil(k / group) of them a row, rows stride apart (0: all rows
 * share them), or NULL where values have none. */
/* By relative index (places) there is no mask: skips has a number for each entry, of skip_bits, how many columns lie
 * between it and the one before, and data a code of code_bits; number e takes the bits from e * bits on, the lowest
 * first. A code 0 is no entry: it moves on, and stores nothing. nnz and first count these too. */
/* In blocks (places), which hold floats: columns has a number for each block, its first column divided by
 * block_columns, and data block_rows rows of block_columns values a block. nnz and first count blocks, and all rows of
 * a block row have the same first. Rows and columns of a block are 1 in the other forms. */
enum rc_sparse_places {
    RC_SPARSE_BITMASK = 0,
    RC_SPARSE_RELATIVE = 1,
    RC_SPARSE_BLOCKS = 2,
};
enum rc_sparse_values {
    RC_SPARSE_F32 = 0,
    RC_SPARSE_S8 = 1,
    RC_SPARSE_CODES = 2,
};
struct rc_sparse {
    enum rc_sparse_places places;
    enum rc_sparse_values values;
    size_t k, group, stride, nnz, width, codes, skip_bits, code_bits, block_rows, block_columns;
    const int64_t *first;
    const int32_t *columns;
    const uint8_t *mask;
    const void *data;
    const float *scale, *codebook;
    const uint64_t *bits, *ranks;
};

/* y[i, :] = the sum over the entries of row i of a of value * x[column, :], for the rows i of the range.
 * In each group of columns one chain, columns rising, from +0.0: inner = fma(value, x, inner). Then y = fma(scale,
 * inner, y), the groups rising, from +0.0: where there are no scales the group is the row, and the scale 1. So a zero
 * in y is -0.0 only where a scale times a sum below 0 rounds to 0. What is not stored does not multiply.
 * add : where it is not 0, y begins at what it was before, + 0.0, and not at +0.0.
 * x : a.k rows of n; y : rows of n, of which the first width columns are computed. */
typedef int rc_sparse_matmul(size_t begin, size_t end, size_t width, size_t n, int add, const struct rc_sparse *a,
                             const float *x, float *y);

/* y[i, o], for all i and the rows o of w (int8_t) in the range: as gemm_s8s8_scaled, of the weights that are stored.
 * x : m rows of w.k; y : m rows of n. */
typedef int rc_sparse_s8s8(size_t begin, size_t end, size_t m, size_t n, const int8_t *x, const float *x_scale,
                           const struct rc_sparse *w, const float *bias, float *y);
