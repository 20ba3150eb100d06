/* Template of the product of many rows of x by rows of w in float32: the loop of the products with narrow weights, with
 * a packer that only copies. The weights of a tile then lie one after the other, the sums of all tiles but those of the
 * last inputs stay vectors, and the rows of x of the next tile are asked for. Included after what f32narrow_blocks.h
 * needs, and MANY, the function's name. */
#include "f32narrow_blocks.h"

/* Inputs p0 .. p1 of row o, 16 of them to every `step` floats; zeros behind the last one. */
static TARGET void copy_row(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, size_t p1,
                            float *out, size_t step)
{
    const float *row = (const float *)w->codes + o * w->k;
    (void)t;
    size_t p = p0;
    for (; p + 16 <= p1; p += 16, out += step)
        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES)
            v_store(out + lane, v_load(row + p + lane));
    for (size_t lane = 0; p < p1 && lane < 16; lane += LANES) {
        const size_t left = p1 - p;
        v_store(out + lane, v_load_some(row + p + lane, v_mask(left < lane ? 0 : rc_min(left - lane, LANES))));
    }
}

TARGET void MANY(size_t begin, size_t end, size_t m, size_t k, size_t ldx, size_t ldy, const float *x, const float *w,
                 float *y)
{
    const struct rc_narrow rows = {.k = k, .group = k, .row = k * sizeof *w, .codes = w};
    const struct call call = {begin, end, m, ldx, ldy, 8 * sizeof *w, 0, x, &rows, NULL, y};
    many_rows(0, &call, copy_row);
}
