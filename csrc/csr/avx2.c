/* What changed since the portable file: eight columns at a time, 64 of them in registers. One column has no vectors:
 * a gather of eight takes longer than eight loads. There four rows go side by side, four entries at a time. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"

#define KERNEL at_least_two_columns
#define LINKAGE static
#include "columns.h"

/* The entries of rows[0 .. 4) while all four have some. */
static RC_AVX2 int four_rows(const struct rc_csr *a, size_t *next, const size_t *last, const float *x, float *sums)
{
    const int32_t *indices = a->indices;
    const size_t k = a->k, begin = next[0];
    size_t common = SIZE_MAX;
    __m128 acc[4];
    float buffer[4][PIECE];
    RC_UNROLL for (size_t r = 0; r < 4; r++) {
        common = rc_min(common, last[r] - next[r]);
        acc[r] = _mm_setzero_ps();
    }
    for (size_t done = 0; done < common;) {
        const size_t some = piece(a, common - done);
        const int32_t *index[4];
        const float *value[4];
        RC_UNROLL for (size_t r = 0; r < 4; r++) {
            index[r] = indices + next[r];
            value[r] = values(a, next[r], some, buffer[r]);
            next[r] += some;
        }
        size_t s = 0;
        for (; s + 4 <= some; s += 4) {
            const size_t ahead = begin + 4 * (done + s) + AHEAD; /* sixteen entries, a cache line of each array */
            prefetch(a, ahead, ahead + 1);
            RC_UNROLL for (size_t u = 0; u < 4; u++) {
                RC_UNROLL for (size_t r = 0; r < 4; r++) {
                    const size_t column = (uint32_t)index[r][u];
                    if (column >= k)
                        return RC_BAD_INDEX;
                    acc[r] = _mm_fmadd_ss(_mm_load_ss(value[r] + u), _mm_load_ss(x + column), acc[r]);
                }
            }
            RC_UNROLL for (size_t r = 0; r < 4; r++) {
                index[r] += 4;
                value[r] += 4;
            }
        }
        for (size_t u = 0; s < some; s++, u++) {
            RC_UNROLL for (size_t r = 0; r < 4; r++) {
                const size_t column = (uint32_t)index[r][u];
                if (column >= k)
                    return RC_BAD_INDEX;
                acc[r] = _mm_fmadd_ss(_mm_load_ss(value[r] + u), _mm_load_ss(x + column), acc[r]);
            }
        }
        done += some;
    }
    RC_UNROLL for (size_t r = 0; r < 4; r++)
        _mm_store_ss(sums + r, acc[r]);
    return RC_OK;
}

static RC_AVX2 int one_column(size_t begin, size_t end, const struct rc_csr *a, const float *x, float *y)
{
    float buffer[PIECE];
    for (size_t i = begin; i < end; i += 4) {
        const size_t rows = rc_min(end - i, 4);
        size_t next[4], last[4];
        float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        for (size_t r = 0; r < rows; r++) {
            const int64_t from = a->indptr[i + r], to = a->indptr[i + r + 1];
            if (from < 0 || from > to || (uint64_t)to > a->nnz)
                return RC_BAD_INDEX;
            next[r] = (size_t)from;
            last[r] = (size_t)to;
        }
        if (rows == 4 && four_rows(a, next, last, x, sums))
            return RC_BAD_INDEX;
        for (size_t r = 0; r < rows; r++) {
            __m128 acc = _mm_load_ss(sums + r);
            while (next[r] < last[r]) {
                const size_t some = piece(a, last[r] - next[r]);
                const float *value = values(a, next[r], some, buffer);
                for (size_t s = 0; s < some; s++) {
                    const size_t column = (uint32_t)((const int32_t *)a->indices)[next[r] + s];
                    if (column >= a->k)
                        return RC_BAD_INDEX;
                    acc = _mm_fmadd_ss(_mm_load_ss(value + s), _mm_load_ss(x + column), acc);
                }
                next[r] += some;
            }
            _mm_store_ss(y + i + r, acc);
        }
    }
    return RC_OK;
}

RC_AVX2 int rc_csr_matmul_avx2(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                               float *y)
{
    return n == 1 && width == 1 && !a->wide ? one_column(begin, end, a, x, y)
                                            : at_least_two_columns(begin, end, width, n, a, x, y);
}
#endif
