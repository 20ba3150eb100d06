/* Sparse times dense, the bit-level definition: one chain of fused multiply-adds for each group of columns with one
 * scale, and one over the groups. */
#include "strips.h"

/* Columns are taken in blocks, for the sums of a row: on the stack, and small enough for the first-level cache. */
enum { BLOCK = 256 };

int rc_sparse_matmul_portable(size_t begin, size_t end, size_t width, size_t n, int add, const struct rc_sparse *a,
                              const float *x, float *y)
{
    uint16_t index[ROOM];
    float value[ROOM], inner[BLOCK];
    for (size_t j0 = 0; j0 < width; j0 += BLOCK) {
        const size_t columns = rc_min(width - j0, BLOCK);
        for (size_t i = begin; i < end; i++) {
            float *row = y + i * n + j0;
            struct place at = place_of(a, i);
            size_t count;
            for (size_t j = 0; j < columns; j++)
                row[j] = add ? row[j] + 0.0f : 0.0f;
            for (size_t g = 0; g * a->group < a->k; g++) {
                const size_t stop = rc_min(a->k, (g + 1) * a->group);
                for (size_t j = 0; j < columns; j++)
                    inner[j] = 0.0f;
                for (size_t first = g * a->group; first < stop; first += STRIP) {
                    if (strip_entries(a, i, first, rc_min(stop, first + STRIP), &at, index, value, &count))
                        return RC_BAD_INDEX;
                    for (size_t s = 0; s < count; s++) {
                        const float *entry = x + (first + index[s]) * n + j0;
                        for (size_t j = 0; j < columns; j++)
                            inner[j] = fmaf(value[s], entry[j], inner[j]);
                    }
                }
                const float scale = scale_of(a, i, g);
                for (size_t j = 0; j < columns; j++)
                    row[j] = fmaf(scale, inner[j], row[j]);
            }
        }
    }
    return RC_OK;
}

int rc_sparse_s8s8_portable(size_t begin, size_t end, size_t m, size_t n, const int8_t *x, const float *x_scale,
                            const struct rc_sparse *w, const float *bias, float *y)
{
    uint16_t index[ROOM];
    float value[ROOM];
    double total[ROWS_OF_X];
    int32_t acc[ROWS_OF_X];
    for (size_t i0 = 0; i0 < m; i0 += ROWS_OF_X) {
        const size_t rows = rc_min(m - i0, ROWS_OF_X);
        for (size_t o = begin; o < end; o++) {
            struct place at = place_of(w, o);
            size_t count;
            for (size_t i = 0; i < rows; i++)
                total[i] = 0.0;
            for (size_t g = 0; g * w->group < w->k; g++) {
                const size_t stop = rc_min(w->k, (g + 1) * w->group);
                for (size_t i = 0; i < rows; i++)
                    acc[i] = 0;
                for (size_t first = g * w->group; first < stop; first += STRIP) {
                    if (strip_entries(w, o, first, rc_min(stop, first + STRIP), &at, index, value, &count))
                        return RC_BAD_INDEX;
                    for (size_t i = 0; i < rows; i++) {
                        const int8_t *inputs = x + (i0 + i) * w->k + first;
                        for (size_t s = 0; s < count; s++)
                            acc[i] += (int32_t)inputs[index[s]] * (int32_t)value[s];
                    }
                }
                for (size_t i = 0; i < rows; i++)
                    total[i] += (double)acc[i] * ((double)x_scale[i0 + i] * (double)scale_of(w, o, g));
            }
            for (size_t i = 0; i < rows; i++)
                y[(i0 + i) * n + o] = (float)(bias ? total[i] + (double)bias[o] : total[i]);
        }
    }
    return RC_OK;
}
