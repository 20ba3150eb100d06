/* All that Python may see of the kernels. The C compiler reads this file, and so does cffi, after the lines that begin with
 * '#' were dropped: so nothing here may need the preprocessor.
 *
 * Every kernel takes its row range [begin, end) first, so that Python can split the rows among threads; it allocates
 * nothing, holds no state, and writes only the rows of its range. Python has checked shapes, types and layouts (all arrays
 * are C-contiguous); what other threads could change meanwhile, a kernel checks itself and says so by its status.
 */
#ifndef REFCOMPRESS_H
#define REFCOMPRESS_H
#include <stddef.h>
#include <stdint.h>

enum rc_status {
    RC_OK = 0,
    RC_BAD_INDEX = 1,   /* an index or a row pointer points outside its array */
    RC_CORRUPT = 2,     /* coded data that no encoder writes */
};

/* y[i, :] = sum over p in indptr[i] .. indptr[i + 1] of data[p] * x[indices[p], :], for the rows i of the range.
 * One chain per element, in storage order from +0.0: acc = fma(data[p], x[..], acc).
 * x : k rows of n; y : rows of n; indices and data : nnz entries. */
typedef int rc_csr_matmul(size_t begin, size_t end, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                          const int32_t *indices, const float *data, const float *x, float *y);

/* One row an instruction set; NULL where it has no kernel of its own, and the next narrower one serves. */
struct rc_kernels {
    const char *isa;
    rc_csr_matmul *csr_matmul;
};

/* The row of a level (0 is portable, then wider and wider), or NULL past the last one that was compiled. */
const struct rc_kernels *rc_kernels_at(size_t level);

/* Whether this processor, and its operating system, can run the kernels of that level. */
int rc_supported(size_t level);

/* The compiler that built this library, and its version. */
const char *rc_compiler(void);
#endif
