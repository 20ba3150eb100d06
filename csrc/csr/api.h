/* The kernels of csr, as Python sees them: a part of refcompress.h. */
/* The types of the values of a sparse matrix. Each value is a float exactly. */
enum rc_csr_type {
    RC_CSR_F32 = 0,
    RC_CSR_F16 = 1,  /* uint16_t, the bits of an IEEE half */
    RC_CSR_BF16 = 2, /* uint16_t, the upper half of a float */
};

/* A matrix packed for products with one column (windows.h): a stream of bytes for blocks of 1024 rows, each with what
 * its steps hold. starts : of each block, and of the end, where it begins in heads, masks, columns and values. */
struct rc_csr_windows {
    const uint64_t *starts;
    const uint8_t *heads, *columns;
    const uint16_t *masks;
    const float *values;
};

/* A sparse matrix of m rows of k: data[p] at column indices[p], for the entries p in indptr[i] .. indptr[i + 1] of row
 * i. wide : indices are int64_t, not int32_t. rising : the columns of each row never fall. windows : the same matrix
 * once more, or NULL. */
struct rc_csr {
    size_t m, k, nnz;
    const int64_t *indptr;
    const void *indices, *data;
    enum rc_csr_type type;
    int wide, rising;
    const struct rc_csr_windows *windows;
};

/* y[i, :] = sum over p in indptr[i] .. indptr[i + 1] of data[p] * x[indices[p], :], for the rows i of the range.
 * One chain per element, in storage order from +0.0: acc = fma(data[p], x[..], acc).
 * x : a->k rows of n; y : rows of n, of which the first width columns are computed. */
typedef int rc_csr_matmul(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                          float *y);

/* counts[i] = how many entries of row i are stored, for the rows of the range of k: where mask, or without one (NULL)
 * where w != 0, which holds for NaN. */
typedef int rc_csr_count(size_t begin, size_t end, size_t k, const float *w, const uint8_t *mask, int64_t *counts);

/* Their columns and values, from number indptr[i] on, for the rows of the range. wide : indices are int64_t, not
 * int32_t. RC_BAD_INDEX where a row has another number of entries than indptr says. */
typedef int rc_csr_from_dense(size_t begin, size_t end, size_t k, const float *w, const uint8_t *mask,
                              const int64_t *indptr, int wide, void *indices, float *data);

/* w[i, j] = the entry of row i and column j, or +0.0, for the rows i of the range. Without `rising` entries add up, in
 * their order from +0.0. RC_BAD_INDEX where an index or a pointer lies outside its array. */
typedef int rc_csr_to_dense(size_t begin, size_t end, const struct rc_csr *a, float *w);

/* What a matrix takes as windows: how many entries starts, heads, masks, columns and values have; and then these
 * arrays, of these sizes. Columns must rise, and be int32_t. A matrix that another thread changed meanwhile is refused:
 * nothing is written outside of the arrays. */
int rc_csr_windows_sizes(const struct rc_csr *a, uint64_t *sizes);
int rc_csr_windows_pack(const struct rc_csr *a, const uint64_t *sizes, uint64_t *starts, uint8_t *heads,
                        uint16_t *masks, uint8_t *columns, float *values);
