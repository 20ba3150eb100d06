/* Template of the functions of a number and of a row. Included after these were defined:
 *
 * ACTIVATION, SOFTMAX, LAYER_NORM, RMS_NORM    the functions' names
 * TARGET, LANES, WIDEN                         as doubles.h has them
 *
 * Between float32 in memory and float32 in memory all is in doubles. Sixteen elements are a turn; the last, shorter one
 * goes by way of an array of sixteen.
 */
#include "functions.h"

RC_INLINE TARGET void activate(const enum rc_nn_function function, size_t begin, size_t end, const float *x, float *y)
{
    for (; end - begin >= TURN; begin += TURN)
        RC_UNROLL for (size_t part = 0; part < TURN; part += LANES)
            write_floats(y + begin + part, activation(function, read_floats(x + begin + part)));
    if (begin < end) {
        float in[TURN] = {0}, out[TURN];
        memcpy(in, x + begin, (end - begin) * sizeof *x);
        for (size_t part = 0; part < TURN; part += LANES)
            write_floats(out + part, activation(function, read_floats(in + part)));
        memcpy(y + begin, out, (end - begin) * sizeof *y);
    }
}

RC_INLINE TARGET void gelu_block(const float *x, float *y)
{
    VEC v[SIDE];
    RC_UNROLL for (size_t i = 0; i < SIDE; i++)
        v[i] = read_floats(x + i * LANES);
    gelus(v);
    RC_UNROLL for (size_t i = 0; i < SIDE; i++)
        write_floats(y + i * LANES, v[i]);
}

RC_INLINE TARGET void gelu(size_t begin, size_t end, const float *x, float *y)
{
    for (; end - begin >= BLOCK; begin += BLOCK)
        gelu_block(x + begin, y + begin);
    if (begin < end) {
        float in[BLOCK] = {0}, out[BLOCK];
        memcpy(in, x + begin, (end - begin) * sizeof *x);
        gelu_block(in, out);
        memcpy(y + begin, out, (end - begin) * sizeof *y);
    }
}

TARGET int ACTIVATION(size_t begin, size_t end, enum rc_nn_function function, const float *x, float *y)
{
    switch (function) { /* each has its own loop */
    case RC_NN_EXP: activate(RC_NN_EXP, begin, end, x, y); break;
    case RC_NN_TANH: activate(RC_NN_TANH, begin, end, x, y); break;
    case RC_NN_SIGMOID: activate(RC_NN_SIGMOID, begin, end, x, y); break;
    case RC_NN_ERF: activate(RC_NN_ERF, begin, end, x, y); break;
    case RC_NN_GELU: gelu(begin, end, x, y); break;
    case RC_NN_GELU_TANH: activate(RC_NN_GELU_TANH, begin, end, x, y); break;
    case RC_NN_SILU: activate(RC_NN_SILU, begin, end, x, y); break;
    }
    return RC_OK;
}

/* What a turn of a row becomes before it is summed, and before it is written. */
enum step { EXPONENTIAL, ITSELF, SQUARE, NORMED };
struct row {
    double less;  /* subtracted from each element: the maximum, or the mean */
    double times; /* the reciprocal of the sum, or of the root */
    const float *weight, *bias;
};

RC_INLINE TARGET VEC stepped(const enum step step, const struct row *row, VEC v)
{
    v = v - row->less;
    if (step == EXPONENTIAL)
        return exponential(v);
    return step == SQUARE ? v * v : v;
}

/* Add up a row: element p goes to chain p mod 16; then the tree. The terms are kept where there is room for them. */
RC_INLINE TARGET double chain_sum(const enum step step, const struct row *row, size_t n, const float *x, double *kept)
{
    VEC chains[PARTS];
    RC_UNROLL for (size_t c = 0; c < PARTS; c++)
        chains[c] = all(0);
    size_t p = 0;
    if (step == EXPONENTIAL) /* no element is more than the maximum */
        for (; n - p >= LONGEST; p += LONGEST)
            RC_UNROLL for (size_t first = 0; first < LONGEST; first += BLOCK) {
                VEC v[SIDE];
                RC_UNROLL for (size_t i = 0; i < SIDE; i++)
                    v[i] = at_least(-708, read_floats(x + p + first + i * LANES) - row->less);
                exponentials(v);
                if (kept)
                    memcpy(kept + p + first, v, sizeof v);
                RC_UNROLL for (size_t i = 0; i < SIDE; i++)
                    chains[(first / LANES + i) % PARTS] += v[i];
            }
    for (; n - p >= TURN; p += TURN)
        RC_UNROLL for (size_t c = 0; c < PARTS; c++) {
            const VEC v = stepped(step, row, read_floats(x + p + c * LANES));
            if (step == EXPONENTIAL && kept)
                memcpy(kept + p + c * LANES, &v, sizeof v);
            chains[c] += v;
        }
    double sums[TURN];
    memcpy(sums, chains, sizeof sums);
    if (p < n) {
        float in[TURN] = {0};
        double terms[TURN];
        memcpy(in, x + p, (n - p) * sizeof *x);
        for (size_t c = 0; c < PARTS; c++) {
            const VEC v = stepped(step, row, read_floats(in + c * LANES));
            memcpy(terms + c * LANES, &v, sizeof v);
        }
        for (size_t c = 0; c < n - p; c++)
            sums[c] += terms[c];
        if (step == EXPONENTIAL && kept)
            memcpy(kept + p, terms, sizeof terms);
    }
    for (size_t half = TURN / 2; half > 0; half /= 2)
        for (size_t c = 0; c < half; c++)
            sums[c] += sums[c + half];
    return sums[0];
}

/* A turn of a row's results, from its elements or from the terms that were kept. */
RC_INLINE TARGET VEC result(const enum step step, const struct row *row, const float *x, const double *kept,
                            const float *weight, const float *bias)
{
    VEC v;
    if (step == EXPONENTIAL && kept)
        memcpy(&v, kept, sizeof v);
    else
        v = stepped(step, row, read_floats(x));
    v = v * row->times;
    if (weight)
        v = v * read_floats(weight);
    if (bias)
        v = v + read_floats(bias);
    return v;
}

RC_INLINE TARGET void write_row(const enum step step, const struct row *row, const int weighted, const int biased,
                                size_t n, const float *x, const double *kept, float *y)
{
    const float *weight = weighted ? row->weight : NULL, *bias = biased ? row->bias : NULL;
    size_t p = 0;
    for (; n - p >= LANES; p += LANES)
        write_floats(y + p, result(step, row, x + p, kept ? kept + p : NULL, weighted ? weight + p : NULL,
                                   biased ? bias + p : NULL));
    if (p < n) {
        float in[3][LANES] = {{0}}, out[LANES];
        memcpy(in[0], x + p, (n - p) * sizeof *x);
        if (weighted)
            memcpy(in[1], weight + p, (n - p) * sizeof *x);
        if (biased)
            memcpy(in[2], bias + p, (n - p) * sizeof *x);
        write_floats(out, result(step, row, in[0], kept ? kept + p : NULL, weighted ? in[1] : NULL,
                                 biased ? in[2] : NULL));
        memcpy(y + p, out, (n - p) * sizeof *y);
    }
}

/* The maximum without NaNs: a NaN makes the sum NaN, and so the row, whatever is subtracted. */
RC_INLINE TARGET float row_maximum(size_t n, const float *x)
{
    typedef float FLOATS __attribute__((vector_size(LANES * 8)));
    typedef int32_t ONES __attribute__((vector_size(LANES * 8)));
    float best[2 * LANES];
    FLOATS most = (FLOATS){0} - INFINITY;
    size_t p = 0;
    for (; n - p >= 2 * LANES; p += 2 * LANES) {
        FLOATS v;
        memcpy(&v, x + p, sizeof v);
        const ONES more = v > most;
        most = (FLOATS)((more & (ONES)v) | (~more & (ONES)most));
    }
    memcpy(best, &most, sizeof best);
    for (size_t c = 0; p < n; c++, p++)
        best[c] = x[p] > best[c] ? x[p] : best[c];
    RC_UNROLL for (size_t half = LANES; half > 0; half /= 2)
        RC_UNROLL for (size_t c = 0; c < half; c++)
            best[c] = best[c + half] > best[c] ? best[c + half] : best[c];
    return best[0];
}

/* The e^v of a row of up to so many elements are kept on the stack; those of a longer one are computed twice. */
enum { KEPT = 2048 };

TARGET int SOFTMAX(size_t begin, size_t end, size_t n, const float *x, float *y)
{
    double kept[KEPT];
    for (size_t i = begin; i < end; i++) {
        struct row row = {.less = row_maximum(n, x + i * n), .times = 1};
        if (n <= KEPT) {
            row.times = 1 / chain_sum(EXPONENTIAL, &row, n, x + i * n, kept);
            write_row(EXPONENTIAL, &row, 0, 0, n, x + i * n, kept, y + i * n);
        } else {
            row.times = 1 / chain_sum(EXPONENTIAL, &row, n, x + i * n, NULL);
            write_row(EXPONENTIAL, &row, 0, 0, n, x + i * n, NULL, y + i * n);
        }
    }
    return RC_OK;
}

RC_INLINE TARGET void norm_rows(const int centered, size_t begin, size_t end, size_t n, double epsilon, const float *x,
                                const float *weight, const float *bias, float *y)
{
    for (size_t i = begin; i < end; i++) {
        const float *in = x + i * n;
        struct row row = {.less = 0, .times = 1, .weight = weight, .bias = bias};
        if (centered)
            row.less = chain_sum(ITSELF, &row, n, in, NULL) / (double)n;
        row.times = 1 / sqrt(chain_sum(SQUARE, &row, n, in, NULL) / (double)n + epsilon);
        if (weight && bias)
            write_row(NORMED, &row, 1, 1, n, in, NULL, y + i * n);
        else if (weight)
            write_row(NORMED, &row, 1, 0, n, in, NULL, y + i * n);
        else if (bias)
            write_row(NORMED, &row, 0, 1, n, in, NULL, y + i * n);
        else
            write_row(NORMED, &row, 0, 0, n, in, NULL, y + i * n);
    }
}

TARGET int LAYER_NORM(size_t begin, size_t end, size_t n, double epsilon, const float *x, const float *weight,
                      const float *bias, float *y)
{
    norm_rows(1, begin, end, n, epsilon, x, weight, bias, y);
    return RC_OK;
}

TARGET int RMS_NORM(size_t begin, size_t end, size_t n, double epsilon, const float *x, const float *weight, float *y)
{
    norm_rows(0, begin, end, n, epsilon, x, weight, NULL, y);
    return RC_OK;
}
