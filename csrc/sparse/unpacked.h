/* Template of sparse times few columns, by bitmask or relative index and with one scale a row at most. Where the
 * entries of some rows are, and by codes what they are, is unpacked to buffers. Then it is the product of csr: of one
 * column six rows side by side, of up to eight columns its own kernel. Floats by bitmask are multiplied where they
 * stand. Included after TARGET, columns.h, column.h, and
 *
 * columns_of_mask    the columns of a row of a bitmask
 * entries_of_skips   columns and values of entries by relative index
 * values_of          values by bitmask as floats
 * CSR_MATMUL         the kernel of csr
 */
#include "../csr/six_rows.h"

enum {
    MOST = 16384,  /* entries of the rows in the buffers: six rows of 4096 columns, two thirds of them stored */
    BEHIND = 16,   /* entries that a vector writes behind the last one */
    MOST_ROWS = 8, /* a multiple of what the kernel of csr has side by side */
    FEW_COLUMNS = 8,
};

struct unpacked_rows {
    int64_t indptr[MOST_ROWS + 1];
    const float *values; /* of the entries, which begin at the first row's */
    int32_t column[MOST + BEHIND];
    float value[MOST + BEHIND];
};

/* The rows from i on, at most so many, whose entries fit in the buffers: how many. 0 where those of row i do not; more
 * than there are where the matrix was changed. */
RC_INLINE TARGET size_t unpack_rows(const struct rc_sparse *a, size_t i, size_t most, struct unpacked_rows *rows)
{
    const int in_place = a->values == RC_SPARSE_F32, relative = a->places == RC_SPARSE_RELATIVE;
    const size_t first = row_begin(a, i);
    size_t next = first, count = 0, found = 0; /* each row's begin is read once: another thread may write */
    rows->indptr[0] = 0;
    for (; count < most; count++) {
        const size_t begin = next;
        next = row_begin(a, i + count + 1);
        if (begin > next || next > a->nnz)
            return SIZE_MAX;
        if (next - first > MOST)
            break;
        if (relative)
            found += entries_of_skips(a, begin, next, rows->column + found, rows->value + found);
        else if (columns_of_mask(a, i + count, next - begin, rows->column + found))
            return SIZE_MAX;
        else
            found += next - begin;
        rows->indptr[count + 1] = (int64_t)found;
    }
    if (!relative && !in_place)
        values_of(a, first, found, rows->value);
    rows->values = in_place ? (const float *)a->data + first : rows->value;
    return count;
}

RC_INLINE struct rc_csr as_csr(const struct rc_sparse *a, size_t count, const struct unpacked_rows *rows)
{
    return (struct rc_csr){.m = count, .k = a->k, .nnz = (size_t)rows->indptr[count], .indptr = rows->indptr,
                           .indices = rows->column, .data = rows->values, .type = RC_CSR_F32};
}

/* A function of its own, with all registers for itself. */
static TARGET __attribute__((noinline)) int unpacked_times_column(const int64_t *indptr, const struct rc_csr *rows,
                                                                  const float *x, float *y)
{
    return six_rows(RC_CSR_F32, indptr, rows, x, y);
}

/* A row that has more entries than the buffers hold is left to the function that takes a strip at a time. */
static TARGET int one_column_unpacked(size_t begin, size_t end, int add, const struct rc_sparse *a, const float *x,
                                      float *y)
{
    struct unpacked_rows rows;
    for (size_t i = begin, count; i < end; i += count ? count : 1) {
        float sums[ROWS];
        count = unpack_rows(a, i, rc_min(end - i, ROWS), &rows);
        if (count > ROWS)
            return RC_BAD_INDEX;
        if (count == 0) {
            if (one_column_of_entries(i, i + 1, 1, add, a, x, y))
                return RC_BAD_INDEX;
            continue;
        }
        for (size_t r = count; r < ROWS; r++) /* rows that are not there have no entries */
            rows.indptr[r + 1] = rows.indptr[r];
        const struct rc_csr unpacked = as_csr(a, count, &rows);
        if (unpacked_times_column(rows.indptr, &unpacked, x, sums))
            return RC_BAD_INDEX;
        for (size_t r = 0; r < count; r++)
            y[i + r] = fmaf(scale_of(a, i + r, 0), sums[r], add ? y[i + r] + 0.0f : 0.0f);
    }
    return RC_OK;
}

static TARGET int few_columns_unpacked(size_t begin, size_t end, size_t width, size_t n, int add,
                                       const struct rc_sparse *a, const float *x, float *y)
{
    struct unpacked_rows rows;
    for (size_t i = begin, count; i < end; i += count ? count : 1) {
        float before[MOST_ROWS][FEW_COLUMNS] = {{0}}, *to = y + i * n;
        count = unpack_rows(a, i, rc_min(end - i, MOST_ROWS), &rows);
        if (count > MOST_ROWS)
            return RC_BAD_INDEX;
        if (count == 0) {
            if (more_columns(i, i + 1, width, n, add, a, x, y))
                return RC_BAD_INDEX;
            continue;
        }
        for (size_t r = 0; add && r < count; r++)
            for (size_t j = 0; j < width; j++)
                before[r][j] = to[r * n + j] + 0.0f;
        const struct rc_csr unpacked = as_csr(a, count, &rows);
        if (CSR_MATMUL(0, count, width, n, &unpacked, x, to))
            return RC_BAD_INDEX;
        for (size_t r = 0; r < count; r++)
            for (size_t j = 0; j < width; j++)
                to[r * n + j] = fmaf(scale_of(a, i + r, 0), to[r * n + j], before[r][j]);
    }
    return RC_OK;
}
