/* Template of what GPTQ and SparseGPT share: a tile of rows whose weights move. Included after these were defined:
 *
 * TARGET   the instruction set of all functions here, or nothing
 * LANES    doubles in its vectors
 * SIDE     vectors side by side: LANES * SIDE rows at a time
 * COLUMNS  columns at a time; SIDE * COLUMNS sums fill the registers
 * WIDEN(v) LANES floats as doubles: GCC 12 makes five instructions of what is one
 *
 * Rows are the lanes, for no row depends on another. A panel's columns take what the columns before it moved, in
 * blocks of DEEP columns, so that a tile's block stays in L1; the columns of a panel are then done one by one. */
#include "../kernels.h"
#include <string.h>

typedef double VEC __attribute__((vector_size(LANES * 8)));
typedef int64_t BITS __attribute__((vector_size(LANES * 8)));

enum { DEEP = 128 };

RC_INLINE TARGET VEC read_vector(const double *from)
{
    VEC v;
    memcpy(&v, from, sizeof v);
    return v;
}

RC_INLINE TARGET void write_vector(double *to, VEC v)
{
    memcpy(to, &v, sizeof v);
}

RC_INLINE TARGET VEC all(double a)
{
    return a - (VEC){0};
}

/* condition ? a : b, where a condition is all ones or zero in each lane. */
RC_INLINE TARGET VEC chosen(BITS condition, VEC a, VEC b)
{
    return (VEC)((condition & (BITS)a) | (~condition & (BITS)b));
}

/* The columns of a panel, of one tile, less what the columns first .. last - 1 moved. */
static TARGET void move_panel(double *tile, const double *panel, size_t column, size_t first, size_t last)
{
    double *to = tile + column * RC_TILE;
    for (size_t row = 0; row < RC_TILE; row += LANES * SIDE)
        for (size_t c = 0; c < RC_PANEL; c += COLUMNS) {
            VEC now[COLUMNS][SIDE];
            RC_UNROLL for (size_t j = 0; j < COLUMNS; j++)
                RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                    now[j][s] = read_vector(to + (c + j) * RC_TILE + row + s * LANES);
            for (size_t i = first; i < last; i++) {
                VEC by[SIDE];
                RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                    by[s] = read_vector(tile + i * RC_TILE + row + s * LANES);
                RC_UNROLL for (size_t j = 0; j < COLUMNS; j++)
                    RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                        now[j][s] -= by[s] * panel[i * RC_PANEL + c + j];
            }
            RC_UNROLL for (size_t j = 0; j < COLUMNS; j++)
                RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                    write_vector(to + (c + j) * RC_TILE + row + s * LANES, now[j][s]);
        }
}

/* All panels that have a column in begin .. end - 1, of all tiles, less what the columns 0 .. last - 1 moved; begin is
 * the first column of a panel. */
static TARGET void move_block(double *moved, const double *u, size_t tiles, size_t k, size_t begin, size_t end,
                              size_t last)
{
    const size_t padded = (k + RC_PANEL - 1) / RC_PANEL * RC_PANEL;
    for (size_t first = 0; first < last; first += DEEP)
        for (size_t column = begin; column < end; column += RC_PANEL)
            for (size_t t = 0; t < tiles; t++)
                move_panel(moved + t * padded * RC_TILE, u + column * k, column, first, rc_min(first + DEEP, last));
}

/* The columns of a tile after column j, up to the end of its panel, less what j moved. */
RC_INLINE TARGET void move_rest(double *tile, const double *panel, size_t j)
{
    const double *by = tile + j * RC_TILE;
    for (size_t later = j + 1; later % RC_PANEL > 0; later++) {
        double *now = tile + later * RC_TILE;
        const double factor = panel[j * RC_PANEL + later % RC_PANEL];
        RC_UNROLL for (size_t r = 0; r < RC_TILE; r += LANES)
            write_vector(now + r, read_vector(now + r) - read_vector(by + r) * factor);
    }
}
