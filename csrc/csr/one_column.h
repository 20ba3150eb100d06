/* Sparse times one column: included in avx2.c alone. six_rows.h has the work. */
#include "six_rows.h"

/* A function for each type, with all registers for itself. */
typedef int six_rows_function(const int64_t *indptr, const struct rc_csr *a, const float *x, float *y);

static RC_AVX2 __attribute__((noinline)) int six_rows_of_f32(const int64_t *indptr, const struct rc_csr *a,
                                                             const float *x, float *y)
{
    return six_rows(RC_CSR_F32, indptr, a, x, y);
}

static RC_AVX2 __attribute__((noinline)) int six_rows_of_f16(const int64_t *indptr, const struct rc_csr *a,
                                                             const float *x, float *y)
{
    return six_rows(RC_CSR_F16, indptr, a, x, y);
}

static RC_AVX2 __attribute__((noinline)) int six_rows_of_bf16(const int64_t *indptr, const struct rc_csr *a,
                                                              const float *x, float *y)
{
    return six_rows(RC_CSR_BF16, indptr, a, x, y);
}

static RC_AVX2 int one_column(size_t begin, size_t end, const struct rc_csr *a, const float *x, float *y)
{
    six_rows_function *const six = a->type == RC_CSR_F32   ? six_rows_of_f32
                                   : a->type == RC_CSR_F16 ? six_rows_of_f16
                                                           : six_rows_of_bf16;
    for (size_t i = begin; i < end; i += ROWS) {
        const size_t rows = rc_min(end - i, ROWS);
        int64_t indptr[ROWS + 1]; /* read once: another thread may write */
        float sums[ROWS];
        for (size_t r = 0; r <= ROWS; r++) { /* rows that are not there have no entries */
            indptr[r] = a->indptr[i + rc_min(r, rows)];
            if (indptr[r] < (r ? indptr[r - 1] : 0) || (uint64_t)indptr[r] > a->nnz)
                return RC_BAD_INDEX;
        }
        if (six(indptr, a, x, rows == ROWS ? y + i : sums))
            return RC_BAD_INDEX;
        if (rows < ROWS)
            memcpy(y + i, sums, rows * sizeof *y);
    }
    return RC_OK;
}
