/* Sparse rows of a dense matrix, and back: an entry after the other, without a branch on what is stored. */
#include "values.h"

RC_INLINE int stored(const float *w, const uint8_t *mask, size_t i)
{
    return mask ? mask[i] != 0 : w[i] != 0.0f;
}

int rc_csr_count_portable(size_t begin, size_t end, size_t k, const float *w, const uint8_t *mask, int64_t *counts)
{
    for (size_t i = begin; i < end; i++) {
        int64_t count = 0;
        for (size_t j = 0; j < k; j++)
            count += stored(w, mask, i * k + j);
        counts[i] = count;
    }
    return RC_OK;
}

/* The write of what is not stored goes where the next entry goes; behind the last one nothing is written. */
#define WRITE(INDEX) \
    for (; j < k && p < stop; j++) { \
        ((INDEX *)indices)[p] = (INDEX)j; \
        data[p] = w[i * k + j]; \
        p += (size_t)stored(w, mask, i * k + j); \
    }

int rc_csr_from_dense_portable(size_t begin, size_t end, size_t k, const float *w, const uint8_t *mask,
                               const int64_t *indptr, int wide, void *indices, float *data)
{
    for (size_t i = begin; i < end; i++) {
        size_t p = (size_t)indptr[i], j = 0;
        const size_t stop = (size_t)indptr[i + 1];
        if (wide)
            WRITE(int64_t)
        else
            WRITE(int32_t)
        for (; j < k; j++)
            p += (size_t)stored(w, mask, i * k + j);
        if (p != stop)
            return RC_BAD_INDEX;
    }
    return RC_OK;
}

int rc_csr_to_dense_portable(size_t begin, size_t end, const struct rc_csr *a, float *w)
{
    float buffer[PIECE];
    for (size_t i = begin; i < end; i++) {
        float *row = w + i * a->k;
        memset(row, 0, a->k * sizeof *row);
        const size_t stop = (size_t)a->indptr[i + 1];
        size_t p = (size_t)a->indptr[i];
        if (p > stop || stop > a->nnz)
            return RC_BAD_INDEX;
        while (p < stop) {
            const size_t some = piece(a, stop - p);
            const float *value = values(a, p, some, buffer);
            for (size_t s = 0; s < some; s++) {
                const size_t j = a->wide ? (size_t)((const int64_t *)a->indices)[p + s]
                                         : (size_t)((const int32_t *)a->indices)[p + s];
                if (j >= a->k)
                    return RC_BAD_INDEX;
                row[j] = a->rising ? value[s] : row[j] + value[s];
            }
            p += some;
        }
    }
    return RC_OK;
}
