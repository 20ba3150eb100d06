/* Template of convolutions of each channel by itself. Included after these were defined:
 *
 * KERNEL               the function's name
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 * v_between(a, b)      the mask of the lanes from a on and below b
 * v_even(a, b)         every second of the floats of two vectors, from the first on
 *
 * Where channels are last, the lanes of a vector are channels; else they are places of a row. What lies beside the
 * image is 0 and is multiplied like the rest, for a weight may be NaN.
 */
#include "window.h"

/* Lanes for places side by side on a row of the image, the first at `first`, stride apart (1 or 2). */
RC_INLINE TARGET VEC load_between(const float *row, int64_t first, size_t columns)
{
    if (first >= 0 && first + LANES <= (int64_t)columns)
        return v_load(row + first);
    const int64_t from = first < 0 ? -first : 0, left = (int64_t)columns - first, to = left < LANES ? left : LANES;
    if (to <= from)
        return v_zero();
    /* Lanes that the mask leaves out are not read: the address may lie before the array. */
    return v_load_some((const float *)((uintptr_t)row + (uintptr_t)(first * (int64_t)sizeof *row)),
                       v_between((int)from, (int)to));
}

RC_INLINE TARGET VEC row_of_places(const size_t stride, const float *row, int64_t first, size_t columns)
{
    if (stride == 1)
        return load_between(row, first, columns);
    return v_even(load_between(row, first, columns), load_between(row, first + LANES, columns));
}

RC_INLINE TARGET void places_of_row(const size_t stride, const size_t h, const size_t wide,
                                          const struct rc_window *w, const float *plane, int64_t row, struct span rows,
                                          const float *weight, const float *bias, float *y)
{
    for (size_t place = 0; place < w->out_columns; place += LANES) {
        VEC acc = v_zero();
        RC_UNROLL for (size_t i = 0; i < h; i++) {
            const int on = i >= rows.from && i < rows.to;
            const float *x = on ? plane + under(row, w->row_dilation, i) * w->columns : NULL;
            RC_UNROLL for (size_t j = 0; j < wide; j++) {
                const int64_t first = first_column(w, place) + (int64_t)(j * w->column_dilation);
                const VEC v = on ? row_of_places(stride, x, first, w->columns) : v_zero();
                acc = v_fma(v_set1(weight[i * wide + j]), v, acc);
            }
        }
        if (bias)
            acc = acc + v_set1(*bias);
        if (w->out_columns - place >= LANES)
            v_store(y + place, acc);
        else
            v_store_some(y + place, v_mask(w->out_columns - place), acc);
    }
}

/* The same for other strides, a place at a time in one lane. */
RC_INLINE TARGET void places_one_by_one(const struct rc_window *w, const float *plane, int64_t row, struct span rows,
                                         const float *weight, const float *bias, float *y)
{
    const MASK one = v_mask(1);
    for (size_t place = 0; place < w->out_columns; place++) {
        VEC acc = v_zero();
        for (size_t i = 0; i < w->h; i++)
            for (size_t j = 0; j < w->w; j++) {
                const int64_t column = first_column(w, place) + (int64_t)(j * w->column_dilation);
                const int on = i >= rows.from && i < rows.to && column >= 0 && column < (int64_t)w->columns;
                const size_t at = on ? under(row, w->row_dilation, i) * w->columns + (size_t)column : 0;
                acc = v_fma(v_set1(weight[i * w->w + j]), on ? v_load_some(plane + at, one) : v_zero(), acc);
            }
        if (bias)
            acc = acc + v_set1(*bias);
        v_store_some(y + place, one, acc);
    }
}

RC_INLINE TARGET void channels_first(size_t begin, size_t end, const struct rc_window *w, const float *x,
                                     const float *weight, const float *bias, float *y)
{
    for (size_t r = begin; r < end; r++) {
        const size_t plane = r / w->out_rows, ch = plane % w->c;
        const int64_t row = first_row(w, r % w->out_rows);
        const struct span rows = on_image(row, (int64_t)w->row_dilation, w->h, w->rows);
        const float *in = x + plane * w->rows * w->columns, *cells = weight + ch * w->h * w->w;
        const float *more = bias ? bias + ch : NULL;
        float *out = y + r * w->out_columns;
        if (w->column_stride > 2)
            places_one_by_one(w, in, row, rows, cells, more, out);
        else if (w->column_stride == 2)
            places_of_row(2, w->h, w->w, w, in, row, rows, cells, more, out);
        else if (w->h == 3 && w->w == 3)
            places_of_row(1, 3, 3, w, in, row, rows, cells, more, out);
        else
            places_of_row(1, w->h, w->w, w, in, row, rows, cells, more, out);
    }
}

/* LANES channels at one place, or those of a mask; whole: all cells lie on the image. */
RC_INLINE TARGET VEC load_channels(const int all, const float *x, MASK some)
{
    return all ? v_load(x) : v_load_some(x, some);
}

RC_INLINE TARGET VEC place_of_channels(const int all, const int whole, const size_t h, const size_t wide,
                                       const struct rc_window *w, const float *image, int64_t row, int64_t column,
                                       struct span rows, const float *weight, MASK some)
{
    struct span columns = {0, wide};
    if (!whole)
        columns = on_image(column, (int64_t)w->column_dilation, wide, w->columns);
    VEC acc = v_zero();
    RC_UNROLL for (size_t i = 0; i < h; i++)
        RC_UNROLL for (size_t j = 0; j < wide; j++) {
            VEC v = v_zero();
            if (whole || (i >= rows.from && i < rows.to && j >= columns.from && j < columns.to))
                v = load_channels(all, image + (under(row, w->row_dilation, i) * w->columns +
                                                under(column, w->column_dilation, j)) * w->c, some);
            acc = v_fma(load_channels(all, weight + (i * wide + j) * w->c, some), v, acc);
        }
    return acc;
}

RC_INLINE TARGET void channels_of_row(const int all, const size_t h, const size_t wide, const struct rc_window *w,
                                         const float *image, int64_t row, struct span rows, const float *weight,
                                         const float *bias, MASK some, float *y)
{
    const int whole_rows = rows.from == 0 && rows.to == h;
    const VEC more = bias ? load_channels(all, bias, some) : v_zero();
    for (size_t place = 0; place < w->out_columns; place++) {
        const int64_t column = first_column(w, place);
        const int64_t last = column + (int64_t)((wide - 1) * w->column_dilation);
        VEC acc;
        if (whole_rows && column >= 0 && last < (int64_t)w->columns)
            acc = place_of_channels(all, 1, h, wide, w, image, row, column, rows, weight, some);
        else
            acc = place_of_channels(all, 0, h, wide, w, image, row, column, rows, weight, some);
        if (bias)
            acc = acc + more;
        if (all)
            v_store(y + place * w->c, acc);
        else
            v_store_some(y + place * w->c, some, acc);
    }
}

RC_INLINE TARGET void channels_last(const size_t h, const size_t wide, size_t begin, size_t end,
                                    const struct rc_window *w, const float *x, const float *weight, const float *bias,
                                    float *y)
{
    const MASK some = v_mask(w->c % LANES);
    for (size_t r = begin; r < end; r++) {
        const int64_t row = first_row(w, r % w->out_rows);
        const struct span rows = on_image(row, (int64_t)w->row_dilation, h, w->rows);
        const float *image = x + r / w->out_rows * w->rows * w->columns * w->c;
        float *out = y + r * w->out_columns * w->c;
        size_t ch = 0;
        for (; w->c - ch >= LANES; ch += LANES)
            channels_of_row(1, h, wide, w, image + ch, row, rows, weight + ch, bias ? bias + ch : NULL, some,
                               out + ch);
        if (ch < w->c)
            channels_of_row(0, h, wide, w, image + ch, row, rows, weight + ch, bias ? bias + ch : NULL, some,
                               out + ch);
    }
}

TARGET int KERNEL(size_t begin, size_t end, const struct rc_window *window, const float *x, const float *weight,
                  const float *bias, float *y)
{
    if (!window->channels_last)
        channels_first(begin, end, window, x, weight, bias, y);
    else if (window->h == 3 && window->w == 3)
        channels_last(3, 3, begin, end, window, x, weight, bias, y);
    else
        channels_last(window->h, window->w, begin, end, window, x, weight, bias, y);
    return RC_OK;
}
