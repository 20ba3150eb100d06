/* Template of GPTQ. Included after what moved.h wants, and QUANTIZE_GPTQ, the function's name. */
#include "../quantize/places.h"
#include "moved.h"

struct layer {
    size_t begin, end, k, group, stride; /* rows of the range; as the kernel's arguments */
    int32_t lowest, highest;
    const float *w;
    float *scale;
    int8_t *zero_point, *values;
};

typedef float FLOATS __attribute__((vector_size(LANES * 4)));
typedef int32_t FLOAT_BITS __attribute__((vector_size(LANES * 4)));

RC_INLINE TARGET FLOATS read_floats(const float *from)
{
    FLOATS v;
    memcpy(&v, from, sizeof v);
    return v;
}

RC_INLINE TARGET FLOATS chosen_floats(FLOAT_BITS condition, FLOATS a, FLOATS b)
{
    return (FLOATS)((condition & (FLOAT_BITS)a) | (~condition & (FLOAT_BITS)b));
}

static inline float as_float(double now)
{
    const double low = now > -FLT_MAX ? now : -FLT_MAX;
    return (float)(low < FLT_MAX ? low : FLT_MAX);
}

/* The scales of the groups that begin at column j. */
static TARGET void choose_scales(const double *tile, const struct layer *of, size_t first, size_t j)
{
    float low[RC_TILE] = {0}, high[RC_TILE] = {0};
    const size_t last = j + rc_min(of->group, of->k - j), rows = rc_min(of->end - first, RC_TILE);
    for (size_t i = j; i < last; i++)
        for (size_t r = 0; r < RC_TILE; r++) {
            const float now = as_float(tile[i * RC_TILE + r]);
            low[r] = now < low[r] ? now : low[r];
            high[r] = now > high[r] ? now : high[r];
        }
    for (size_t r = 0; r < rows; r++) {
        const size_t entry = (first + r) * of->stride + j / of->group;
        of->zero_point[entry] =
            (int8_t)scale_and_zero_point(low[r], high[r], of->lowest, of->highest, &of->scale[entry]);
    }
}

/* Column j, which is `input` of w: to integers, and by what they differ in the column's place. */
static TARGET void round_column(double *column, const struct layer *of, size_t first, size_t input, double diagonal)
{
    float w[RC_TILE] = {0}, s[RC_TILE], t[RC_TILE], zero[RC_TILE] = {0}; /* t : the integers less their zero points */
    const size_t rows = rc_min(of->end - first, RC_TILE), in_row = input / of->group;
    for (size_t r = 0; r < RC_TILE; r++)
        s[r] = 1.0f;
    for (size_t r = 0; r < rows; r++) {
        const size_t entry = (first + r) * of->stride + in_row;
        w[r] = of->w[(first + r) * of->k + input];
        s[r] = of->scale[entry];
        zero[r] = (float)of->zero_point[entry];
    }
    /* As to_integer of places.h, but the difference from the zero point is wanted as a number. */
    const float shift = 12582912.0f;
    for (size_t r = 0; r < RC_TILE; r += LANES) {
        const VEC now = read_vector(column + r), raised = chosen(now > -(double)FLT_MAX, now, all(-FLT_MAX));
        const FLOATS step = read_floats(s + r), low = (float)of->lowest - read_floats(zero + r),
                     high = (float)of->highest - read_floats(zero + r);
        FLOATS q = __builtin_convertvector(chosen(raised < (double)FLT_MAX, raised, all(FLT_MAX)), FLOATS) / step;
        q = chosen_floats(q > low, q, low);
        q = chosen_floats(q < high, q, high);
        q = chosen_floats(read_floats(w + r) == 0.0f, (FLOATS){0}, (q + shift) - shift);
        write_vector(column + r, (now - WIDEN(step) * WIDEN(q)) / diagonal);
        memcpy(t + r, &q, sizeof q);
    }
    for (size_t r = 0; r < rows; r++)
        of->values[(first + r) * of->k + input] = (int8_t)(t[r] + zero[r]);
}

int TARGET QUANTIZE_GPTQ(size_t begin, size_t end, size_t k, size_t group, size_t stride, int refit, int32_t lowest,
                         int32_t highest, const float *w, const double *u, const int64_t *turns, float *scale,
                         int8_t *zero_point, double *moved, uint64_t *done, int8_t *values)
{
    const struct layer of = {begin, end, k, group, stride, lowest, highest, w, scale, zero_point, values};
    const size_t padded = padded_columns(k), tiles = (end - begin + RC_TILE - 1) / RC_TILE;
    for (size_t t = 0; t < tiles; t++) {
        const size_t first = begin + t * RC_TILE;
        lay_tile(moved + t * padded * RC_TILE, rc_min(end - first, RC_TILE), k, w + first * k, turns);
    }
    for (size_t j = 0; j < k; j++) {
        const size_t column = j / RC_PANEL * RC_PANEL, next = padded_columns(j);
        const double *panel = u + column * k;
        if (j % BLOCK == 0)
            move_panels(moved, u, tiles, k, done, next, j + rc_min(BLOCK, k - j), j);
        if (refit && j % group == 0)
            move_panels(moved, u, tiles, k, done, next, j + rc_min(group, k - j), j);
        if (column == j)
            move_panels(moved, u, tiles, k, done, j, j + 1, j);
        for (size_t t = 0; t < tiles; t++) {
            double *tile = moved + t * padded * RC_TILE;
            const size_t first = begin + t * RC_TILE;
            if (refit && j % group == 0)
                choose_scales(tile, &of, first, j);
            round_column(tile + j * RC_TILE, &of, first, (size_t)turns[j], panel[j * RC_PANEL + j % RC_PANEL]);
            move_rest(tile, panel, j);
        }
    }
    return RC_OK;
}
