/* The kernels of csr, as Python sees them: a part of refcompress.h. */
/* y[i, :] = sum over p in indptr[i] .. indptr[i + 1] of data[p] * x[indices[p], :], for the rows i of the range.
 * One chain per element, in storage order from +0.0: acc = fma(data[p], x[..], acc).
 * x : k rows of n; y : rows of n, of which the first width columns are computed; indices and data : nnz entries. */
typedef int rc_csr_matmul(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                          const int32_t *indices, const float *data, const float *x, float *y);
