/* Template of patches and pools. Included after these were defined:
 *
 * PATCHES, MAX_POOL, AVERAGE_POOL  the functions' names
 * TARGET                           their instruction set, or nothing
 *
 * There are no intrinsics: loops over GROUP channels or columns have a constant length, and the compiler makes vectors
 * of them.
 */
#include "window.h"
#include <math.h>

enum { GROUP = 16 };

/* Patches of channels last: what lies side by side on the image does so in a patch too, and is copied as one. */
RC_INLINE void fill_bytes(const size_t size, size_t count, const void *fill, char *y)
{
    for (size_t p = 0; p < count; p++)
        memcpy(y + p * size, fill, size);
}

/* Few bytes, as those of three channels, by two moves that may overlap: a call of memcpy takes longer. */
RC_INLINE void copy_bytes(char *y, const char *x, size_t bytes)
{
    if (bytes >= 8 && bytes <= 16) {
        uint64_t first, last;
        memcpy(&first, x, sizeof first);
        memcpy(&last, x + bytes - 8, sizeof last);
        memcpy(y, &first, sizeof first);
        memcpy(y + bytes - 8, &last, sizeof last);
    } else
        memcpy(y, x, bytes);
}

RC_INLINE char *patch_of_last(const size_t size, const struct rc_window *w, const char *image, const void *fill,
                              struct span rows, int64_t row, int64_t column, char *y)
{
    const size_t bytes = w->c * size;
    const struct span columns = on_image(column, (int64_t)w->column_dilation, w->w, w->columns);
    for (size_t i = 0; i < w->h; i++) {
        if (i < rows.from || i >= rows.to || columns.from == columns.to) {
            fill_bytes(size, w->w * w->c, fill, y);
            y += w->w * bytes;
            continue;
        }
        fill_bytes(size, columns.from * w->c, fill, y);
        y += columns.from * bytes;
        const char *x = image + under(row, w->row_dilation, i) * w->columns * bytes;
        if (w->column_dilation == 1) {
            copy_bytes(y, x + under(column, 1, columns.from) * bytes, (columns.to - columns.from) * bytes);
            y += (columns.to - columns.from) * bytes;
        } else
            for (size_t j = columns.from; j < columns.to; j++, y += bytes)
                memcpy(y, x + under(column, w->column_dilation, j) * bytes, bytes);
        fill_bytes(size, (w->w - columns.to) * w->c, fill, y);
        y += (w->w - columns.to) * bytes;
    }
    return y;
}

/* Patches of channels first, for count places side by side: one cell of all of them at a time. */
RC_INLINE void patches_of_first(const size_t size, const struct rc_window *w, const char *image, const void *fill,
                                struct span rows, int64_t row, size_t place, size_t count, char *y)
{
    const size_t patch = w->c * w->h * w->w * size, step = w->column_stride * size;
    for (size_t j = 0; j < w->w; j++) {
        /* The places from..to whose cell lies on the image, and its column at the first one. */
        const int64_t first = first_column(w, place) + (int64_t)(j * w->column_dilation);
        const struct span on = on_image(first, (int64_t)w->column_stride, count, w->columns);
        const size_t column = on.from < on.to ? under(first, w->column_stride, on.from) : 0;
        for (size_t ch = 0; ch < w->c; ch++)
            for (size_t i = 0; i < w->h; i++) {
                char *to = y + ((ch * w->h + i) * w->w + j) * size;
                if (i < rows.from || i >= rows.to) {
                    for (size_t p = 0; p < count; p++)
                        memcpy(to + p * patch, fill, size);
                    continue;
                }
                const char *x = image + ((ch * w->rows + under(row, w->row_dilation, i)) * w->columns + column) * size;
                for (size_t p = 0; p < on.from; p++)
                    memcpy(to + p * patch, fill, size);
                for (size_t p = on.from; p < on.to; p++)
                    memcpy(to + p * patch, x + (p - on.from) * step, size);
                for (size_t p = on.to; p < count; p++)
                    memcpy(to + p * patch, fill, size);
            }
    }
}

RC_INLINE void patches(const size_t size, size_t begin, size_t end, const struct rc_window *w, const void *fill,
                       const char *x, char *y)
{
    const size_t line = w->out_columns * w->c * w->h * w->w * size;
    for (size_t r = begin; r < end; r++) {
        const char *image = x + r / w->out_rows * w->c * w->rows * w->columns * size;
        const int64_t row = first_row(w, r % w->out_rows);
        const struct span rows = on_image(row, (int64_t)w->row_dilation, w->h, w->rows);
        char *to = y + r * line;
        if (w->channels_last)
            for (size_t place = 0; place < w->out_columns; place++)
                to = patch_of_last(size, w, image, fill, rows, row, first_column(w, place), to);
        else
            for (size_t place = 0; place < w->out_columns; place += GROUP)
                patches_of_first(size, w, image, fill, rows, row, place, rc_min(GROUP, w->out_columns - place),
                                 to + place * w->c * w->h * w->w * size);
    }
}

TARGET int PATCHES(size_t begin, size_t end, const struct rc_window *window, size_t size, const void *fill,
                   const void *x, void *y)
{
    if (size == 1)
        patches(1, begin, end, window, fill, x, y);
    else
        patches(4, begin, end, window, fill, x, y);
    return RC_OK;
}

/* The pools. What the cells of a kernel at one place become, for up to GROUP channels that lie side by side. */
RC_INLINE void larger_floats(const size_t count, const float *x, float *best)
{
    for (size_t c = 0; c < count; c++)
        best[c] = x[c] > best[c] || x[c] != x[c] ? x[c] : best[c];
}

RC_INLINE void larger_integers(const size_t count, const int8_t *x, int8_t *best)
{
    for (size_t c = 0; c < count; c++)
        best[c] = x[c] > best[c] ? x[c] : best[c];
}

RC_INLINE void add_floats(const size_t count, const float *x, double *sum)
{
    for (size_t c = 0; c < count; c++)
        sum[c] += (double)x[c];
}

/* A place: the cells that lie on the image, and how far the numbers under neighbouring ones are apart. */
struct place {
    size_t h, w;
    size_t row_step, column_step; /* elements */
    size_t first;                 /* the index of the first element, but for the channel */
    size_t to;                    /* and of the result */
    size_t count;                 /* cells that a mean counts */
};

RC_INLINE size_t cells_between(int64_t first, size_t dilation, size_t cells, size_t before, size_t size, size_t after)
{
    const struct span s = on_image(first + (int64_t)before, (int64_t)dilation, cells, before + size + after);
    return s.to - s.from;
}

RC_INLINE struct place place_of(const struct rc_window *w, size_t image, size_t r, size_t column)
{
    const int64_t row = first_row(w, r), left = first_column(w, column);
    const struct span rows = on_image(row, (int64_t)w->row_dilation, w->h, w->rows);
    const struct span columns = on_image(left, (int64_t)w->column_dilation, w->w, w->columns);
    const size_t channels = w->channels_last ? w->c : 1;
    struct place p;
    p.h = rows.to - rows.from;
    p.w = columns.to - columns.from;
    p.row_step = w->row_dilation * w->columns * channels;
    p.column_step = w->column_dilation * channels;
    p.first = ((image * w->rows + under(row, w->row_dilation, rows.from)) * w->columns +
               under(left, w->column_dilation, columns.from)) * channels;
    p.to = ((image * w->out_rows + r) * w->out_columns + column) * channels;
    p.count = p.h * p.w;
    if (w->count_pads)
        p.count = cells_between(row, w->row_dilation, w->h, w->top, w->rows, w->bottom) *
                  cells_between(left, w->column_dilation, w->w, w->left, w->columns, w->right);
    return p;
}

enum pool { MAX_FLOATS, MAX_INTEGERS, MEAN };

RC_INLINE TARGET void pool_channels(const enum pool pool, const size_t count, const struct place *p, size_t channel,
                                    const void *x, void *y)
{
    float best[GROUP];
    int8_t most[GROUP];
    double sum[GROUP];
    for (size_t c = 0; c < count; c++) {
        best[c] = -INFINITY;
        most[c] = INT8_MIN;
        sum[c] = 0;
    }
    for (size_t i = 0; i < p->h; i++)
        for (size_t j = 0; j < p->w; j++) {
            const size_t at = p->first + i * p->row_step + j * p->column_step + channel;
            if (pool == MAX_FLOATS)
                larger_floats(count, (const float *)x + at, best);
            else if (pool == MAX_INTEGERS)
                larger_integers(count, (const int8_t *)x + at, most);
            else
                add_floats(count, (const float *)x + at, sum);
        }
    if (pool == MAX_INTEGERS) {
        memcpy((int8_t *)y + p->to + channel, most, count);
        return;
    }
    if (pool == MEAN)
        for (size_t c = 0; c < count; c++)
            best[c] = (float)(sum[c] / (double)p->count);
    memcpy((float *)y + p->to + channel, best, count * sizeof *best);
}

/* Rows of the output: with channels last those of an image, else those of each channel of an image. */
RC_INLINE TARGET void pool_rows(const enum pool pool, size_t begin, size_t end, const struct rc_window *w,
                                const void *x, void *y)
{
    const size_t channels = w->channels_last ? w->c : 1;
    for (size_t r = begin; r < end; r++)
        for (size_t column = 0; column < w->out_columns; column++) {
            const struct place p = place_of(w, r / w->out_rows, r % w->out_rows, column);
            size_t channel = 0;
            for (; channels - channel >= GROUP; channel += GROUP)
                pool_channels(pool, GROUP, &p, channel, x, y);
            for (; channel < channels; channel++)
                pool_channels(pool, 1, &p, channel, x, y);
        }
}

TARGET int MAX_POOL(size_t begin, size_t end, const struct rc_window *window, size_t size, const void *x, void *y)
{
    if (size == 1)
        pool_rows(MAX_INTEGERS, begin, end, window, x, y);
    else
        pool_rows(MAX_FLOATS, begin, end, window, x, y);
    return RC_OK;
}

TARGET int AVERAGE_POOL(size_t begin, size_t end, const struct rc_window *window, const float *x, float *y)
{
    pool_rows(MEAN, begin, end, window, x, y);
    return RC_OK;
}
