/* Template of sparse times one column. Included after columns.h and what it needs, and ONE_COLUMN, the function's name.
 * A chain is a number, and four rows go side by side. */

static TARGET int ONE_COLUMN(size_t begin, size_t end, size_t n, int add, const struct rc_sparse *a, const float *x,
                             float *y)
{
    entries_function *const entries = ENTRIES(a);
    uint16_t index[4][ROOM];
    float value[4][ROOM];
    for (size_t i = begin; i < end; i += 4) {
        const size_t rows = rc_min(end - i, 4);
        struct place at[4];
        size_t count[4] = {0};
        float total[4];
        for (size_t r = 0; r < rows; r++) {
            at[r] = place_of(a, i + r);
            total[r] = add ? y[(i + r) * n] + 0.0f : 0.0f;
        }
        for (size_t g = 0; g * a->group < a->k; g++) {
            const size_t stop = rc_min(a->k, (g + 1) * a->group);
            float inner[4] = {0};
            for (size_t first = g * a->group; first < stop; first += STRIP) {
                size_t common = SIZE_MAX;
                for (size_t r = 0; r < rows; r++) {
                    prefetch_strip(a, i + r, 4, first, at[r].entry, row_begin(a, i + r + 1) - row_begin(a, i + r));
                    if (entries(a, i + r, first, rc_min(stop, first + STRIP), at + r, index[r], value[r], count + r))
                        return RC_BAD_INDEX;
                    common = rc_min(common, count[r]);
                }
                size_t s = 0;
                if (rows == 4)
                    for (; s < common; s++)
                        RC_UNROLL for (size_t r = 0; r < 4; r++)
                            inner[r] = fmaf(value[r][s], x[(first + index[r][s]) * n], inner[r]);
                for (size_t r = 0; r < rows; r++)
                    for (size_t t = s; t < count[r]; t++)
                        inner[r] = fmaf(value[r][t], x[(first + index[r][t]) * n], inner[r]);
            }
            for (size_t r = 0; r < rows; r++)
                total[r] = fmaf(scale_of(a, i + r, g), inner[r], total[r]);
        }
        for (size_t r = 0; r < rows; r++)
            y[(i + r) * n] = total[r];
    }
    return RC_OK;
}
