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

/* Where the lanes of LANES places, stride apart (1 or 2), lie on a row of the image: the floats from `first` on, those
 * of a mask; with a stride of 2 every second of twice as many. What a mask leaves out is not read: `first` may lie
 * before the array. */
struct lanes {
    int64_t first;
    MASK low, high;
};

RC_INLINE TARGET MASK on_row(int64_t first, size_t columns)
{
    const int64_t from = first < 0 ? -first : 0, left = (int64_t)columns - first, to = left < LANES ? left : LANES;
    return v_between((int)(from < LANES ? from : LANES), (int)(to > from ? to : from < LANES ? from : LANES));
}

RC_INLINE TARGET struct lanes lanes_of(const size_t stride, int64_t first, size_t columns)
{
    return (struct lanes){first, on_row(first, columns), on_row(stride == 1 ? first : first + LANES, columns)};
}

RC_INLINE TARGET VEC load_lanes(const size_t stride, const float *row, struct lanes l)
{
    const uintptr_t at = (uintptr_t)row + (uintptr_t)(l.first * (int64_t)sizeof *row);
    const VEC low = v_load_some((const float *)at, l.low);
    if (stride == 1)
        return low;
    return v_even(low, v_load_some((const float *)(at + LANES * sizeof *row), l.high));
}

/* The rows from..to of the output of one channel; few: at most nine cells, at most three side by side, which are kept
 * in registers. */
RC_INLINE TARGET void places_of_plane(const size_t stride, const int few, const size_t h, const size_t wide,
                                      size_t from, size_t to, const struct rc_window *w, const float *plane,
                                      const float *weight, const float *bias, float *y)
{
    VEC taps[9];
    if (few)
        RC_UNROLL for (size_t t = 0; t < h * wide; t++)
            taps[t] = v_set1(weight[t]);
    for (size_t place = 0; place < w->out_columns; place += LANES) {
        struct lanes known[3];
        if (few)
            RC_UNROLL for (size_t j = 0; j < wide; j++)
                known[j] = lanes_of(stride, first_column(w, place) + (int64_t)(j * w->column_dilation), w->columns);
        for (size_t r = from; r < to; r++) {
            const int64_t row = first_row(w, r);
            const struct span rows = on_image(row, (int64_t)w->row_dilation, h, w->rows);
            VEC acc = v_zero();
            RC_UNROLL for (size_t i = 0; i < h; i++) {
                const int on = i >= rows.from && i < rows.to;
                const float *x = on ? plane + under(row, w->row_dilation, i) * w->columns : NULL;
                RC_UNROLL for (size_t j = 0; j < wide; j++) {
                    const int64_t first = first_column(w, place) + (int64_t)(j * w->column_dilation);
                    const struct lanes lanes = few ? known[j] : lanes_of(stride, first, w->columns);
                    const VEC v = on ? load_lanes(stride, x, lanes) : v_zero();
                    acc = v_fma(few ? taps[i * wide + j] : v_set1(weight[i * wide + j]), v, acc);
                }
            }
            if (bias)
                acc = acc + v_set1(*bias);
            if (w->out_columns - place >= LANES)
                v_store(y + r * w->out_columns + place, acc);
            else
                v_store_some(y + r * w->out_columns + place, v_mask(w->out_columns - place), acc);
        }
    }
}

/* The same for other strides, a place at a time in one lane. */
RC_INLINE TARGET void places_one_by_one(size_t from, size_t to, const struct rc_window *w, const float *plane,
                                        const float *weight, const float *bias, float *y)
{
    const MASK one = v_mask(1);
    for (size_t r = from; r < to; r++)
        for (size_t place = 0; place < w->out_columns; place++) {
            VEC acc = v_zero();
            for (size_t i = 0; i < w->h; i++)
                for (size_t j = 0; j < w->w; j++) {
                    const int64_t row = first_row(w, r) + (int64_t)(i * w->row_dilation);
                    const int64_t column = first_column(w, place) + (int64_t)(j * w->column_dilation);
                    const int on = row >= 0 && row < (int64_t)w->rows && column >= 0 && column < (int64_t)w->columns;
                    const size_t at = on ? (size_t)row * w->columns + (size_t)column : 0;
                    acc = v_fma(v_set1(weight[i * w->w + j]), on ? v_load_some(plane + at, one) : v_zero(), acc);
                }
            if (bias)
                acc = acc + v_set1(*bias);
            v_store_some(y + r * w->out_columns + place, one, acc);
        }
}

RC_INLINE TARGET void channels_first(size_t begin, size_t end, const struct rc_window *w, const float *x,
                                     const float *weight, const float *bias, float *y)
{
    for (size_t next; begin < end; begin = next) {
        const size_t plane = begin / w->out_rows, ch = plane % w->c;
        next = rc_min(end, (plane + 1) * w->out_rows);
        const size_t from = begin - plane * w->out_rows, to = next - plane * w->out_rows;
        const float *in = x + plane * w->rows * w->columns, *cells = weight + ch * w->h * w->w;
        const float *more = bias ? bias + ch : NULL;
        float *out = y + plane * w->out_rows * w->out_columns;
        const int three = w->h == 3 && w->w == 3;
        if (w->column_stride > 2)
            places_one_by_one(from, to, w, in, cells, more, out);
        else if (w->column_stride == 2 && three)
            places_of_plane(2, 1, 3, 3, from, to, w, in, cells, more, out);
        else if (w->column_stride == 2)
            places_of_plane(2, 0, w->h, w->w, from, to, w, in, cells, more, out);
        else if (three)
            places_of_plane(1, 1, 3, 3, from, to, w, in, cells, more, out);
        else
            places_of_plane(1, 0, w->h, w->w, from, to, w, in, cells, more, out);
    }
}

/* LANES channels, or those of a mask. */
RC_INLINE TARGET VEC load_channels(const int all, const float *x, MASK some)
{
    return all ? v_load(x) : v_load_some(x, some);
}

/* What the places of a row of output share. taps : the kernel's cells, where few of them fit the registers. */
struct row_of_channels {
    const float *weight, *bias;
    size_t c, row_step, column_step; /* from one cell to the next, in elements */
    struct span rows;
    MASK some;
};

RC_INLINE TARGET VEC place_of_channels(const int all, const int few, const int whole, const size_t h,
                                       const size_t wide, const struct row_of_channels *r, const VEC *taps,
                                       const float *first, struct span columns)
{
    VEC acc = v_zero();
    RC_UNROLL for (size_t i = 0; i < h; i++)
        RC_UNROLL for (size_t j = 0; j < wide; j++) {
            VEC v = v_zero();
            if (whole || (i >= r->rows.from && i < r->rows.to && j >= columns.from && j < columns.to))
                v = load_channels(all, first + i * r->row_step + j * r->column_step, r->some);
            const float *weight = r->weight + (i * wide + j) * r->c;
            acc = v_fma(few ? taps[i * wide + j] : load_channels(all, weight, r->some), v, acc);
        }
    return acc;
}

RC_INLINE TARGET void channels_of_row(const int all, const int few, const size_t h, const size_t wide,
                                      const struct rc_window *w, const struct row_of_channels *r, const float *image,
                                      int64_t row, float *y)
{
    VEC taps[9];
    if (few)
        RC_UNROLL for (size_t t = 0; t < h * wide; t++)
            taps[t] = load_channels(all, r->weight + t * r->c, r->some);
    const VEC more = r->bias ? load_channels(all, r->bias, r->some) : v_zero();
    for (size_t place = 0; place < w->out_columns; place++, y += r->c) {
        const int64_t column = first_column(w, place);
        const struct span columns = on_image(column, (int64_t)w->column_dilation, wide, w->columns);
        /* The first cell may lie beside the image: its address is not read from there. */
        const int64_t at = (row * (int64_t)w->columns + column) * (int64_t)r->c;
        const float *first = (const float *)((uintptr_t)image + (uintptr_t)(at * (int64_t)sizeof *image));
        VEC acc;
        if (r->rows.from == 0 && r->rows.to == h && columns.from == 0 && columns.to == wide)
            acc = place_of_channels(all, few, 1, h, wide, r, taps, first, columns);
        else
            acc = place_of_channels(all, few, 0, h, wide, r, taps, first, columns);
        if (r->bias)
            acc = acc + more;
        if (all)
            v_store(y, acc);
        else
            v_store_some(y, r->some, acc);
    }
}

RC_INLINE TARGET void channels_last(const int few, const size_t h, const size_t wide, size_t begin, size_t end,
                                    const struct rc_window *w, const float *x, const float *weight, const float *bias,
                                    float *y)
{
    struct row_of_channels r = {
        .c = w->c, .row_step = w->row_dilation * w->columns * w->c, .column_step = w->column_dilation * w->c,
        .some = v_mask(w->c % LANES),
    };
    for (size_t i = begin; i < end; i++) {
        const int64_t row = first_row(w, i % w->out_rows);
        const float *image = x + i / w->out_rows * w->rows * w->columns * w->c;
        float *out = y + i * w->out_columns * w->c;
        r.rows = on_image(row, (int64_t)w->row_dilation, h, w->rows);
        for (size_t ch = 0; ch < w->c; ch += LANES) {
            r.weight = weight + ch;
            r.bias = bias ? bias + ch : NULL;
            if (w->c - ch >= LANES)
                channels_of_row(1, few, h, wide, w, &r, image + ch, row, out + ch);
            else
                channels_of_row(0, few, h, wide, w, &r, image + ch, row, out + ch);
        }
    }
}

TARGET int KERNEL(size_t begin, size_t end, const struct rc_window *window, const float *x, const float *weight,
                  const float *bias, float *y)
{
    if (!window->channels_last)
        channels_first(begin, end, window, x, weight, bias, y);
    else if (window->h == 3 && window->w == 3)
        channels_last(1, 3, 3, begin, end, window, x, weight, bias, y);
    else
        channels_last(0, window->h, window->w, begin, end, window, x, weight, bias, y);
    return RC_OK;
}
