/* A convolution of each channel by itself, the bit-level definition: one chain over the cells, row by row. */
#include "window.h"
#include <math.h>

/* The number under cell (i, j) at a place, 0 beside the image. */
static float cell(const struct rc_window *w, const float *x, size_t image, size_t ch, int64_t row, int64_t column)
{
    if (row < 0 || row >= (int64_t)w->rows || column < 0 || column >= (int64_t)w->columns)
        return 0;
    const size_t r = (size_t)row, c = (size_t)column;
    if (w->channels_last)
        return x[((image * w->rows + r) * w->columns + c) * w->c + ch];
    return x[((image * w->c + ch) * w->rows + r) * w->columns + c];
}

int rc_nn_depthwise_f32_portable(size_t begin, size_t end, const struct rc_window *w, const float *x,
                                 const float *weight, const float *bias, float *y)
{
    const size_t channels = w->channels_last ? w->c : 1;
    for (size_t r = begin; r < end; r++)
        for (size_t place = 0; place < w->out_columns; place++)
            for (size_t c = 0; c < channels; c++) {
                const size_t plane = r / w->out_rows; /* an image, or a channel of one */
                const size_t image = w->channels_last ? plane : plane / w->c, ch = w->channels_last ? c : plane % w->c;
                float acc = 0;
                for (size_t i = 0; i < w->h; i++)
                    for (size_t j = 0; j < w->w; j++) {
                        const int64_t row = first_row(w, r % w->out_rows) + (int64_t)(i * w->row_dilation);
                        const int64_t column = first_column(w, place) + (int64_t)(j * w->column_dilation);
                        const size_t at = w->channels_last ? (i * w->w + j) * w->c + ch : (ch * w->h + i) * w->w + j;
                        acc = fmaf(weight[at], cell(w, x, image, ch, row, column), acc);
                    }
                y[(r * w->out_columns + place) * channels + c] = bias ? acc + bias[ch] : acc;
            }
    return RC_OK;
}
