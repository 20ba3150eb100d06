/* Template of sparse times dense where a row of x is one vector or less: four rows go side by side, for a chain waits
 * four cycles for its last sum, and four entries at a time. Each entry takes three reads (its column, its value, the
 * row of x) where two or three a cycle are possible: nothing else may take time. Included after these were defined:
 *
 * FEW, FEW_ROWS          the names of the function and of its part
 * FEW_N                  how long a row of x and y is: `n`, or a constant
 * SUMS, SUMS_ZERO        the sums of a row, and zeros
 * SUMS_ADD(value, x, s)  s and the product of the value and the row of x that the pointers are at; may use `mask`
 * SUMS_STORE(y, s)       store s at the pointer y; may use `mask`
 * TARGET, MASK
 */

/* All entries that the four rows next[r] .. last[r] have in common, and then those that are left, row by row. */
RC_INLINE TARGET int FEW_ROWS(const int decoded, const size_t rows, const struct rc_csr *a, size_t *next,
                              const size_t *last, size_t n, const MASK mask, const float *x, float *y)
{
    (void)mask;
    const int32_t *const indices = a->indices;
    const float *const data = a->data;
    const size_t k = a->k, group = last[rows - 1] - next[0];
    float buffer[4][PIECE];
    size_t common = SIZE_MAX;
    SUMS sums[4];
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        common = rc_min(common, last[r] - next[r]);
        sums[r] = SUMS_ZERO;
    }
    for (size_t done = 0; rows > 1 && done < common;) {
        const size_t some = decoded ? rc_min(common - done, PIECE) : common - done;
        size_t p[4], s = 0;
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            p[r] = next[r] + done;
            if (decoded)
                values(a, p[r], some, buffer[r]);
        }
        for (; s + 4 <= some; s += 4) {
            /* In four such steps each row comes to its next line: ask for that place of the four rows to come. */
            const size_t ahead = next[s / 4 % 4] + done + s + group;
            __builtin_prefetch(indices + ahead, 0, 3);
            __builtin_prefetch((const char *)data + ahead * (decoded ? 2 : 4), 0, 3);
            RC_UNROLL for (size_t u = 0; u < 4; u++) {
                RC_UNROLL for (size_t r = 0; r < rows; r++) {
                    const size_t column = (uint32_t)indices[p[r] + u]; /* a negative one becomes larger than any k */
                    if (column >= k)
                        return RC_BAD_INDEX;
                    SUMS_ADD(decoded ? buffer[r] + s + u : data + p[r] + u, x + column * n, sums[r]);
                }
            }
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                p[r] += 4;
        }
        for (; s < some; s++) {
            RC_UNROLL for (size_t r = 0; r < rows; r++) {
                const size_t column = (uint32_t)indices[p[r]];
                if (column >= k)
                    return RC_BAD_INDEX;
                SUMS_ADD(decoded ? buffer[r] + s : data + p[r], x + column * n, sums[r]);
                p[r]++;
            }
        }
        done += some;
    }
    RC_UNROLL for (size_t r = 0; r < rows; r++) {
        for (size_t p = next[r] + (rows > 1 ? common : 0); p < last[r];) {
            const size_t some = piece(a, last[r] - p);
            const float *value = values(a, p, some, buffer[0]);
            for (size_t s = 0; s < some; s++) {
                const size_t column = (uint32_t)indices[p + s];
                if (column >= k)
                    return RC_BAD_INDEX;
                SUMS_ADD(value + s, x + column * n, sums[r]);
            }
            p += some;
        }
        SUMS_STORE(y + r * n, sums[r]);
    }
    return RC_OK;
}

static TARGET int FEW(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                      float *y)
{
    (void)n;
    const MASK mask = v_mask(width % LANES);
    for (size_t i = begin; i < end;) {
        const size_t rows = end - i >= 4 ? 4 : 1;
        size_t next[4], last[4];
        for (size_t r = 0; r < rows; r++) {
            const int64_t from = a->indptr[i + r], to = a->indptr[i + r + 1];
            if (from < 0 || from > to || (uint64_t)to > a->nnz)
                return RC_BAD_INDEX;
            next[r] = (size_t)from;
            last[r] = (size_t)to;
        }
        const int bad = rows == 1                ? FEW_ROWS(0, 1, a, next, last, FEW_N, mask, x, y + i * n)
                        : a->type == RC_CSR_F32 ? FEW_ROWS(0, 4, a, next, last, FEW_N, mask, x, y + i * n)
                                                : FEW_ROWS(1, 4, a, next, last, FEW_N, mask, x, y + i * n);
        if (bad)
            return RC_BAD_INDEX;
        i += rows;
    }
    return RC_OK;
}
#undef FEW
#undef FEW_N
#undef FEW_ROWS
#undef SUMS
#undef SUMS_ZERO
#undef SUMS_ADD
#undef SUMS_STORE
